"""How programs on this host reach the gateways of a network's folder: their addresses, keys and certificates.

Used by `till payment`, `till validator` and their kin. Whoever can read a validator's folder has its cookie.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote

from node.config import RpcAccess
from node.domain.errors import Unusable
from node.network.plan import NetworkPlan, ValidatorPlan, peer_url
from node.network.rpc import NoAnswer, call, certificate_of, read_cookie

MOST_AT_ONCE: Final = 16
SILENT: Final = -1  # below every height


def gateways_of(plan: NetworkPlan, access: RpcAccess) -> tuple[list[str], RpcAccess]:
    """Every gateway's URL, those of this folder first, and what to show there.

    That is the key in `access`, else each validator's cookie in its URL. Raises Unusable when there is no gateway.
    """
    urls, certificates = [], list(access.ca_files)
    for validator in plan.validators:
        home, url = plan.home(validator.name), plan.rpc_url(validator)
        cookie = None if access.key else read_cookie(home)
        certificate = certificate_of(home)
        urls.append(url if cookie is None else url.replace("://", f"://:{quote(cookie, safe='')}@", 1))
        if certificate is not None and certificate not in certificates:
            certificates.append(certificate)
    urls += [elsewhere for peer in plan.others if (elsewhere := peer_url(peer)) is not None]
    if not urls:
        raise Unusable(f"no gateway of the network in {plan.folder} can be reached from here")
    return urls, RpcAccess(key=access.key, ca_files=tuple(certificates))


def farthest_of(plan: NetworkPlan) -> ValidatorPlan | None:
    """The validator of this folder whose gateway has the highest block, the first of equals; None in an empty folder.

    One that lags would answer of a state that is over, and count nonces that are used. One that is silent is the last
    choice, so that whoever asks it learns that nothing answers.
    """

    def height(validator: ValidatorPlan) -> int:
        try:
            return int(call(plan.rpc_url(validator), "eth_blockNumber", [], home=plan.home(validator.name)), 16)
        except (NoAnswer, ValueError, TypeError):
            return SILENT

    if not plan.validators:
        return None
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        heights = list(pool.map(height, plan.validators))
    return plan.validators[heights.index(max(heights))]
