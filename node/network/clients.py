"""How programs on this host reach the gateways of a network's folder: their addresses, keys and certificates.

Used by `till payment`, `till validator` and their kin. Whoever can read a validator's folder has its cookie.
"""

from urllib.parse import quote

from node.config import RpcAccess
from node.domain.errors import Unusable
from node.network.plan import NetworkPlan, peer_url
from node.network.rpc import certificate_of, read_cookie


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
