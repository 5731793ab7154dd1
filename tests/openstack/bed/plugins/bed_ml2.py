"""A mechanism driver for Neutron's ML2 that connects every port, on any host.

A machine boots only once a driver has bound its port to the host. Others ask an agent on that host; here are
no agents, and no packets.
"""

from __future__ import annotations

from neutron.db.models import port_forwarding  # noqa: F401 ports refer to it, as soon as they are mapped
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api
from sqlalchemy import orm


class AnyPort(api.MechanismDriver):
    """Binds the first segment it is offered, and calls the port active."""

    def initialize(self) -> None:
        # Else the very first request may find the tables half mapped, and fail.
        orm.configure_mappers()

    @property
    def connectivity(self) -> str:
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context) -> None:
        for segment in context.segments_to_bind[:1]:
            details = {portbindings.CAP_PORT_FILTER: False}
            context.set_binding(
                segment[api.ID], portbindings.VIF_TYPE_OVS, details, constants.PORT_STATUS_ACTIVE
            )
