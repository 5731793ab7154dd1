"""Calls of EC2's query interface over libcloud's connection, which signs them, with answers as plain data.

libcloud's own methods read only the first page, look addresses up with a second call, and insist on one
XML namespace; clouds that speak EC2 differ in that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

Data = Any


def to_data(element: Any) -> Data:
    """An XML element as dict, list of items, or text."""
    children = [child for child in element if isinstance(child.tag, str)]
    if not children:
        return element.text or ""
    if all(_name(child) == "item" for child in children):
        return [to_data(child) for child in children]
    return {_name(child): to_data(child) for child in children}


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


class Ec2Query:
    """The calls of one driver."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def send(
        self, action: str, parameters: Mapping[str, Any] | None = None, private: bool = False
    ) -> dict[str, Data]:
        """One call. With ``private`` the parameters go in the body, where no proxy writes them down."""
        sent = {"Action": action, **(parameters or {})}
        connection, path = self._driver.connection, self._driver.path
        if private:
            body = urlencode({**sent, "Version": connection.version})
            form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
            answer = connection.request(path, data=body, headers=form, method="POST").object
        else:
            answer = connection.request(path, params=sent).object
        data = to_data(answer) if hasattr(answer, "tag") else None
        if not isinstance(data, dict):
            from libcloud.common.types import MalformedResponseError

            raise MalformedResponseError("no answer of EC2", body="", driver=self._driver)
        return data

    def instances(self, parameters: Mapping[str, Any] | None = None, page_size: int = 0) -> Iterator[Data]:
        """The instances that DescribeInstances tells of, of all reservations.

        Page by page if a size is given, which EC2 does not take together with ids of instances.
        """
        if page_size:
            reservations = self.pages("DescribeInstances", "reservationSet", page_size, parameters)
        else:
            reservations = iter(items(self.send("DescribeInstances", parameters), "reservationSet"))
        for reservation in reservations:
            yield from items(reservation, "instancesSet")

    def pages(
        self, action: str, key: str, size: int, parameters: Mapping[str, Any] | None = None
    ) -> Iterator[Data]:
        """The items under ``key`` of all pages, one page in memory at a time."""
        token = None
        while True:
            sent = {**(parameters or {}), "MaxResults": size, **({"NextToken": token} if token else {})}
            answer = self.send(action, sent)
            yield from items(answer, key)
            token = answer.get("nextToken")
            if not token:
                return


def items(data: Mapping[str, Data], key: str) -> list[Data]:
    """The list under ``key``; an empty one comes as a text."""
    found = data.get(key)
    return found if isinstance(found, list) else []


def numbered(prefix: str, values: Iterable[Any]) -> dict[str, Any]:
    """A list as EC2 takes it: ``InstanceId.1``, ``InstanceId.2``."""
    return {f"{prefix}.{number}": value for number, value in enumerate(values, 1)}


def filters(conditions: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Filters as EC2 takes them."""
    sent: dict[str, Any] = {}
    for number, (name, values) in enumerate(conditions.items(), 1):
        sent[f"Filter.{number}.Name"] = name
        sent.update(numbered(f"Filter.{number}.Value", values))
    return sent
