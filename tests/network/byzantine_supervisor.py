"""The supervisor of a network whose last validator cheats: `python -m tests.network.byzantine_supervisor DIR`.

Everything is the real one but that validator's application, and the watch's patience, which a test cannot afford.
"""

import sys
from dataclasses import replace

from node.network import keeper, supervise, watch
from node.network.launch import APP, ProcessPlan, plan_processes
from node.network.plan import NetworkPlan, ValidatorPlan

PATIENCE_SECONDS = 20.0


def plan_with_a_cheat(plan: NetworkPlan, validator: ValidatorPlan) -> dict[str, ProcessPlan]:
    plans = plan_processes(plan, validator)
    if validator.name == plan.validators[-1].name:
        command = tuple("tests.network.byzantine" if word == "node.consensus" else word for word in plans[APP].command)
        plans[APP] = replace(plans[APP], command=command)
    return plans


if __name__ == "__main__":
    keeper.plan_processes = plan_with_a_cheat
    watch.BEHIND_SECONDS = PATIENCE_SECONDS  # type: ignore[misc]
    sys.exit(supervise.main())
