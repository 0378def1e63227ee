from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil
from aiohttp import ClientSession

from pg_streaming_machine_learning.testbed.messages import digest
from pg_streaming_machine_learning.testbed.processes import ShopProcesses
from pg_streaming_machine_learning.testbed.reports import Report
from pg_streaming_machine_learning.testbed.shop import REQUEST_HEADER, SENT_HEADER, SERVICES
from pg_streaming_machine_learning.testbed.span_text import spans_text


def test_shop_answers_an_order_and_ends(tmp_path: Path) -> None:
    """An order reaches every service but recommend, each reports a span of it, and no process is left."""
    pids, reports = asyncio.run(order_once(tmp_path))
    answered = {service for service in SERVICES if any(len(report.spans) for report in reports[service])}
    assert answered == {"gateway", "checkout", "cart", "catalog", "payment"}
    for service in answered:
        (report,) = [report for report in reports[service] if len(report.spans)]
        assert report.texts == (spans_text(1, service, report.spans.tolist()).encode(),)
        assert report.digests == (digest(report.texts[0]),)
        assert report.spans[:, 0].tolist() == [41]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == []


async def order_once(directory: Path) -> tuple[tuple[int, ...], dict[str, list[Report]]]:
    async with ShopProcesses(keeps_texts=True) as shop:
        start_ms = time.time_ns() // 1_000_000
        await shop.order([], start_ms, seed=1, directory=directory)
        listening = asyncio.create_task(shop.listen())
        async with ClientSession() as session:
            headers = {SENT_HEADER: str(time.time_ns()), REQUEST_HEADER: "41"}
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
