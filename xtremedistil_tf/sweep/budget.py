"""Which forms of a student may be shipped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.errors import ConfigError

#: Cost -> the flag that bounds it, and its unit.
COSTS = {"ms": ("max_latency_ms", "ms"), "megabytes": ("max_megabytes", "MB")}


@dataclasses.dataclass(frozen=True)
class Budget:
    """Bounds on costs; 0 for none.

    Attributes:
        limits: cost -> bound, for the bounded ones.
    """

    limits: Mapping[str, float]

    @classmethod
    def of(cls, config: SweepConfig) -> Budget:
        """The budget of a sweep."""
        limits = {cost: getattr(config, flag) for cost, (flag, _) in COSTS.items()}
        return cls({cost: limit for cost, limit in limits.items() if limit})

    def counted(self, form: Mapping[str, float]) -> list[float]:
        """The costs that the front is about: the bounded ones; without a budget all."""
        return [form[cost] for cost in self.limits or COSTS]

    def excess(self, form: Mapping[str, float]) -> list[str]:
        """What is over the budget, such as "12.1 MB is over `max_megabytes=10`"; empty where nothing is."""
        return [f"{form[cost]:.3g} {COSTS[cost][1]} is over `{COSTS[cost][0]}={limit:g}`"
                for cost, limit in self.limits.items() if form[cost] > limit]

    def refuse_all(self, forms: Sequence[tuple[str, Mapping[str, float]]]) -> ConfigError:
        """The error for a budget that nobody meets, which names who comes nearest.

        Args:
            forms: (title, costs) of every form.
        """
        title, nearest = min(forms, key=lambda form: max(form[1][cost] / limit
                                                         for cost, limit in self.limits.items()))
        limits = " and ".join(f"`{COSTS[cost][0]}={limit:g}`" for cost, limit in self.limits.items())
        return ConfigError(f"no student meets {limits}. The nearest is {title}: "
                           f"{', '.join(self.excess(nearest))}. Try smaller students, another `sweep_quantize`, or "
                           "raise the budget.")


def shown_costs(form: Mapping[str, Any]) -> str:
    """`1.2 ms, 3.4 MB`."""
    return ", ".join(f"{form[cost]:.3g} {unit}" for cost, (_, unit) in COSTS.items())
