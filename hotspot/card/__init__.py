"""What a run says of itself, for those who must answer for it and those who live under it."""

from hotspot.card.answers import read_answers, template_of_answers
from hotspot.card.check import check_card
from hotspot.card.write import Card, write_card

__all__ = ["Card", "check_card", "read_answers", "template_of_answers", "write_card"]
