"""What is kept of a generator, so that anybody can make a forecast's chance again."""

from __future__ import annotations

import json

import numpy as np

from hotspot.errors import ParameterError


def generator_from(entropy: str) -> np.random.Generator:
    """Make again the generator that a forecast was issued with.

    Parameters
    ----------
    entropy : str
        The forecast's attribute ``entropy``.

    Returns
    -------
    Generator
        Given to :func:`issue_forecast` with the same model, periods and options, it gives
        the same bytes.

    Raises
    ------
    ParameterError
        If `entropy` is not what a forecast carries.

    Examples
    --------
    >>> _, entropy = child_of(np.random.default_rng(7))
    >>> generator_from(entropy).bit_generator.seed_seq.entropy
    7
    """
    try:
        kept = json.loads(entropy)
        seed = kept["entropy"]
        sequence = np.random.SeedSequence(
            [int(part) for part in seed] if isinstance(seed, list) else int(seed),
            spawn_key=kept["spawn_key"],
            pool_size=kept["pool_size"],
            n_children_spawned=kept["n_children_spawned"],
        )
        bits = {"PCG64": np.random.PCG64, "PCG64DXSM": np.random.PCG64DXSM,
                "MT19937": np.random.MT19937, "Philox": np.random.Philox,
                "SFC64": np.random.SFC64}[kept["bit_generator"]]  # fmt: skip
    except (TypeError, KeyError, ValueError) as error:
        raise ParameterError(
            f"This is not the entropy of a forecast: {entropy!r:.80}. Give the attribute "
            "`entropy` as it stands."
        ) from error
    return np.random.Generator(bits(sequence))


def child_of(rng: np.random.Generator) -> tuple[np.random.Generator, str]:
    """A child that draws the futures, and how to make `rng` again, as JSON."""
    if not isinstance(rng, np.random.Generator):
        raise ParameterError(
            f"rng must be a numpy Generator, got {rng!r:.60}. Make one with "
            "np.random.default_rng(seed)."
        )
    sequence = rng.bit_generator.seed_seq
    if not isinstance(sequence, np.random.SeedSequence):
        raise ParameterError(
            "rng was made without a seed sequence, so a forecast could not say how to make it "
            "again. Make one with np.random.default_rng(seed)."
        )
    seed = sequence.entropy
    # As text: most JSON readers outside Python round integers of 128 bits.
    kept = {
        "bit_generator": type(rng.bit_generator).__name__,
        "entropy": str(seed) if isinstance(seed, int) else [str(int(part)) for part in seed],
        "spawn_key": [int(key) for key in sequence.spawn_key],
        "pool_size": sequence.pool_size,
        "n_children_spawned": sequence.n_children_spawned,
    }
    return rng.spawn(1)[0], json.dumps(kept)
