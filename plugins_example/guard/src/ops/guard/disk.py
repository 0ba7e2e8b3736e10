"""What free space on a disk means for the health of a host."""

from aplay_host import Health


def judge_disk(free_mb: float, wanted_mb: float) -> Health:
    """Return the health of a disk, in megabytes.

    ===========================  ==================
    free                         status
    ===========================  ==================
    twice what is wanted, more   ok
    what is wanted, more         warn
    less                         fail, and critical
    ===========================  ==================
    """
    detail = f"{free_mb:.0f} MB free, {wanted_mb:.0f} wanted"
    if free_mb < wanted_mb:
        return Health("disk", "fail", detail, critical=True)
    return Health("disk", "ok" if free_mb >= 2 * wanted_mb else "warn", detail)
