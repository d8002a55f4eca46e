"""Repeated Crime IDs, found one row at a time."""


def duplicates(ids, place, month, offence):
    """Rows whose ID an earlier located row has, each with what sets the two apart."""
    first, rows, kinds = {}, [], []
    for i, one in enumerate(ids):
        if one is None or place[i] < 0:
            continue
        if one not in first:
            first[one] = i
            continue
        j = first[one]
        same_offence = place[i] == place[j] and offence[i] == offence[j]
        rows.append(i)
        kinds.append(2 if not same_offence else int(month[i] != month[j]))
    return rows, kinds
