"""Outer updates from words of the command line, with defaults that fit the unit of the rewards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from metarl_min.basics.arguments import function, instance, require, shown
from metarl_min.basics.optimizers import OPTIMIZERS, Optimizer, adam
from metarl_min.gradients.outer_updates import Outer, ascent, clipped, trpo

UPDATES = {"ascent": ascent, "trpo": trpo, "clipped": clipped}
USED = {  # the settings that have an effect on each update
    ascent: ("optimizer", "beta"),
    trpo: ("max_kl",),
    clipped: ("clip", "optimizer", "beta"),
}


def _optimizer(maker: Callable[..., Optimizer], beta: float | None, unit: float) -> Optimizer:
    """Return the optimizer for rewards of this unit, with the default where beta is None.

    Adam divides the gradient by its size plus eps. So beta of Adam does not depend on the unit, and
    eps is a multiple of the unit. The other optimizers multiply the gradient by beta, so the
    default of beta is divided by the unit.
    """
    if maker is adam:
        return adam(0.05 if beta is None else beta, eps=1e-8 * unit)
    return instance("optimizer(beta)", maker(0.05 / unit if beta is None else beta), Optimizer)


def _in_unit(
    unit: float,
    *,
    update: Callable[..., Outer],
    optimizer: Callable[[float], Optimizer] | None,
    beta: float | None,
    max_kl: float | None,
    clip: float | None,
) -> Outer:
    """Return the outer update of these settings, with the defaults for rewards of this unit."""
    if update is trpo:
        return trpo(0.01 if max_kl is None else max_kl)
    chosen = _optimizer(optimizer or adam, beta, unit)
    # `words` holds arguments of `outer_of_words`. eps is no such argument, so it is left out.
    made = ascent(chosen) if update is ascent else clipped(0.3 if clip is None else clip, chosen)
    return made._replace(words={name: x for name, x in made.words.items() if name != "eps"})


def outer_of_words(
    *,
    update: Annotated[Callable[..., Outer], UPDATES] = ascent,
    optimizer: Annotated[Callable[[float], Optimizer] | None, OPTIMIZERS] = None,
    beta: float | None = None,
    max_kl: float | None = None,
    clip: float | None = None,
) -> Outer:
    """Return the outer update of these settings. ValueError if a setting would have no effect.

    update     ascent: along the gradient; trpo: within a trust region; clipped: several ascents
               on a surrogate with clipped ratios
    optimizer  optimizer of ascent and clipped; by default adam
    beta       outer step size of ascent and clipped; with sgd and momentum, the default is divided
               by the unit of the rewards; by default 0.05
    max_kl     largest mean KL divergence of trpo, in nats; by default 0.01
    clip       in clipped, ratios are clipped to 1 - clip .. 1 + clip; by default 0.3
    """
    if not callable(update) or update not in USED:
        raise TypeError(f"update must be ascent, trpo or clipped, got {shown(repr(update))}")
    if optimizer is not None:
        function("optimizer", optimizer)
    given: dict[str, Any] = {"optimizer": optimizer, "beta": beta, "max_kl": max_kl, "clip": clip}
    for name, value in given.items():
        users = " or ".join(word for word, x in UPDATES.items() if name in USED[x])
        allowed = value is None or name in USED[update]
        require(allowed, f"{name} must come with update={users}", f"update={update.__name__}")
    in_unit: Callable[[float], Outer] = partial(_in_unit, **given, update=update)
    return in_unit(1.0)._replace(in_unit=in_unit)


def ascent_of_words(
    *,
    optimizer: Annotated[Callable[[float], Optimizer] | None, OPTIMIZERS] = None,
    beta: float | None = None,
) -> Outer:
    """Return the ascent of these settings, for a learner that has no other update.

    optimizer  optimizer of the meta-parameters; by default adam
    beta       outer step size; with sgd and momentum, the default is divided by the unit of the
               rewards; by default 0.05
    """
    return outer_of_words(optimizer=optimizer, beta=beta)
