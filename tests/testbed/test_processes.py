from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil
from aiohttp import ClientSession

from pg_streaming_machine_learning.testbed.processes import ShopProcesses
from pg_streaming_machine_learning.testbed.shop import SENT_HEADER, SERVICES


def test_shop_answers_an_order_and_ends(tmp_path: Path) -> None:
    """An order reaches every service but recommend, each reports it, and no process is left."""
    pids, reports = asyncio.run(order_once(tmp_path))
    answered = {service for service in SERVICES if any(report["answered"] for report in reports[service])}
    assert answered == {"gateway", "checkout", "cart", "catalog", "payment"}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == []


async def order_once(directory: Path) -> tuple[tuple[int, ...], dict[str, list[dict[str, object]]]]:
    async with ShopProcesses() as shop:
        start_ms = time.time_ns() // 1_000_000
        await shop.order([], start_ms, seed=1, directory=directory)
        listening = asyncio.create_task(shop.listen())
        async with ClientSession() as session:
            headers = {SENT_HEADER: str(time.time_ns())}
            # The orders travel by another way than requests: the last service may not have read them yet.
            await shop.has_reported(1)
            async with session.get(
                f"http://127.0.0.1:{shop.ports['gateway']}/order", headers=headers
            ) as answer:
                assert answer.status == 200
                assert await answer.read()
        await shop.has_reported(max(map(len, shop.reports.values())) + 1)
        pids = shop.pids
    await listening
    return pids, shop.reports
