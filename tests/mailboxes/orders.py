"""Messages of a shop in all three kinds of classes, and how its old ones are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from aplay_host import message, upcast


@message("acme-shop:Order@3")
class Order(msgspec.Struct):
    sku: str
    count: int = 1
    at: datetime | None = None


@message("acme-shop:Cancel@1")
@dataclass
class Cancel:
    sku: str
    tags: set[str] = field(default_factory=set)
    span: tuple[int, int] = (0, 0)


@message("acme-shop:Address@1")
class Address(BaseModel):
    street: str
    since: date | None = None


@message("acme-shop:Tree@1")
class Tree(msgspec.Struct):
    children: list[Tree] = []


@message("acme-shop:Order@1")
class FirstOrder(msgspec.Struct):
    name: str


@message("acme-shop:Order@2")
class SecondOrder(msgspec.Struct):
    article: str
    count: int


@upcast("acme-shop:Order", 1, 2)
def order_has_a_count(body: dict[str, Any]) -> dict[str, Any]:
    return {"article": body["name"], "count": 1}


@upcast("acme-shop:Order", 2, 3)
def order_says_sku(body: dict[str, Any]) -> dict[str, Any]:
    return {"sku": body["article"], "count": body["count"]}
