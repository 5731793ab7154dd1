"""Calls of EC2's query interface over libcloud's connection, which signs them, with answers as plain data.

libcloud's own methods read only the first page, look addresses up with a second call, and insist on one
XML namespace; clouds that speak EC2 differ in that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

Data = Any
_MOST_EMPTY_PAGES = 20
# What EC2 puts into its answer to each action: a list, or the id or name of what was made. To all others it
# answers whether it did it.
_ANSWERS = {
    "AllocateAddress": "publicIp",
    "CreateSecurityGroup": "groupId",
    "DescribeAddresses": "addressesSet",
    "DescribeAvailabilityZones": "availabilityZoneInfo",
    "DescribeImages": "imagesSet",
    "DescribeInstances": "reservationSet",
    "DescribeInstanceTypes": "instanceTypeSet",
    "DescribeKeyPairs": "keySet",
    "DescribeSecurityGroups": "securityGroupInfo",
    "DescribeSubnets": "subnetSet",
    "DescribeTags": "tagSet",
    "GetConsoleOutput": "instanceId",
    "ImportKeyPair": "keyName",
    "RunInstances": "instancesSet",
    "StartInstances": "instancesSet",
    "StopInstances": "instancesSet",
    "TerminateInstances": "instancesSet",
}
_NEVER_EMPTY = ("RunInstances", "StartInstances", "StopInstances", "TerminateInstances")


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
        """One call. With ``private`` the parameters go in the body, where no proxy writes them down.

        Raises MalformedResponseError for what EC2 never answers to this action.
        """
        sent = {"Action": action, **(parameters or {})}
        connection, path = self._driver.connection, self._driver.path
        if private:
            body = urlencode({**sent, "Version": connection.version})
            form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
            answer = connection.request(path, data=body, headers=form, method="POST")
        else:
            answer = connection.request(path, params=sent)
        root = answer.object
        told = answer.status == HTTPStatus.OK and getattr(root, "tag", "").endswith(f"{action}Response")
        data = to_data(root) if told else None
        if not isinstance(data, dict) or not _is_whole(action, data):
            raise self._malformed(f"no answer to {action}")
        return data

    def _malformed(self, why: str) -> Exception:
        from libcloud.common.types import MalformedResponseError

        error: Exception = MalformedResponseError(why, body="", driver=self._driver)
        return error

    def instances(self, parameters: Mapping[str, Any] | None = None, page_size: int = 0) -> Iterator[Data]:
        """The instances that DescribeInstances tells of, of all reservations.

        Page by page if a size is given, which EC2 does not take together with ids of instances.
        """
        if page_size:
            reservations = self.pages("DescribeInstances", "reservationSet", page_size, parameters)
        else:
            reservations = iter(items(self.send("DescribeInstances", parameters), "reservationSet"))
        for reservation in reservations:
            account = {"ownerId": reservation.get("ownerId")}
            for instance in items(reservation, "instancesSet"):
                yield {**instance, **account} if isinstance(instance, Mapping) else instance

    def pages(
        self, action: str, key: str, size: int, parameters: Mapping[str, Any] | None = None
    ) -> Iterator[Data]:
        """The items under ``key`` of all pages, one page in memory at a time.

        A page may be empty and announce another all the same; but not many in a row.
        """
        sent = {**(parameters or {}), "MaxResults": size}
        seen: set[str] = set()
        empty = 0
        while True:
            answer = self.send(action, sent)
            found = items(answer, key)
            yield from found
            token = answer.get("nextToken")
            if not token:
                return
            empty = 0 if found else empty + 1
            if token in seen or empty > _MOST_EMPTY_PAGES:
                raise self._malformed(f"pages of {action} without an end")
            seen.add(token)
            sent["NextToken"] = token


def _is_whole(action: str, data: Mapping[str, Data]) -> bool:
    """Whether an answer has what EC2 always puts into it."""
    key = _ANSWERS.get(action)
    if key is None:
        # Some that speak EC2's interface leave it out.
        return bool(data.get("return", "true") == "true")
    if not key.endswith(("Set", "Info")):
        return bool(data.get(key)) and isinstance(data[key], str)
    found = data.get(key)
    return (found == "" and action not in _NEVER_EMPTY) or (isinstance(found, list) and bool(found))


def items(data: Mapping[str, Data], key: str) -> list[Data]:
    """The list under ``key``; an empty one comes as a text. Raises ValueError for what is none."""
    found = data.get(key) or []
    if not isinstance(found, list):
        raise ValueError(f"{key} is not a list")
    return found


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
