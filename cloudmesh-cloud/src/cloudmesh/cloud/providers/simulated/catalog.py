"""What a simulated cloud has on offer."""

from __future__ import annotations

from collections.abc import Iterator

# name, size in GiB
IMAGES = (("debian-12", 2.0), ("ubuntu-24.04", 3.5), ("rocky-9", 10.0), ("tiny-linux", 0.1))

# name, cores, MiB of memory, GiB of disk
FLAVORS = (
    ("tiny", 1, 512, 5),
    ("small", 1, 2048, 20),
    ("medium", 2, 4096, 40),
    ("large", 4, 8192, 80),
    ("xlarge", 8, 16384, 160),
)

# name, address ranges; what leads out is the pool of the floating IPs
POOL = "public"
NETWORKS = (("private", "198.18.0.0/15"), (POOL, "203.0.113.0/24"))


def public_addresses() -> Iterator[str]:
    """The addresses of the pool: 203.0.113.0/24, which RFC 5737 keeps for documentation."""
    return (f"203.0.113.{number}" for number in range(1, 255))


def address(number: int) -> str:
    """An address for machine ``number`` in 198.18.0.0/15, which RFC 2544 keeps for tests."""
    high, low = divmod(number, 254)
    return f"198.{18 + high // 256 % 2}.{high % 256}.{low + 1}"
