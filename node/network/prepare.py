"""What has to hold before validators are started, from a shell or by systemd: engines, ports, secrets, settings.

Called by node/network/control.py, which tells the person who typed `till net up`, and by node/network/supervise.py.
"""

from node.network.launch import check_tools
from node.network.mend import check_secrets
from node.network.plan import NetworkPlan
from node.network.ports import check_ports
from node.network.settings import write_settings


def prepare(plan: NetworkPlan) -> None:
    """Writes the settings anew from the plan. Raises PortInUse, or Unusable without the engines or keys."""
    check_tools()
    check_ports(plan)
    for validator in plan.validators:
        check_secrets(plan, validator)
        write_settings(plan, validator)
