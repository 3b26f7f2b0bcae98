"""Closing an asyncio server while somebody is connecting, without leaving a connection open that nobody owns."""

import asyncio


async def close_server(server: asyncio.Server) -> None:
    """Stop listening; who was accepted already is served, and is the caller's to end.

    `Server.close` alone makes the transport of a connection that was accepted in this turn of the loop fail
    (CPython 3.11, `Server._attach`): its socket stays open until it is collected.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    await asyncio.sleep(0)  # the accepted get their transports
    server.close()
