#!/usr/bin/env python3
"""How close the Anthropic SDK comes to its limits under weir's transport, many callers at once.

usage: sdk_goodput.py [--callers 64] [--count 1500] [--rpm 600] [--plain] [--asyncio]

Prints the answers, the refusals that the model of the API gave, and the time beside the least that the
limit allows. --plain is the SDK by itself, with its own retries.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import json
import sys
import time

import support
import weir

SDK, HTTP = support.sdk_packages()
DEPTH_S = 5
# All alike, so that the last one takes no longer than the others.
EVEN_ANSWERS = {"first_token_s": 0.4, "output_tokens": 60, "tokens_per_s": 300}


def settings(rpm):
    return {"account.main.key": support.KEY, "limit.claude-sonnet-4.requests_per_minute": rpm}


def body(number):
    return {"model": support.MODEL, "max_tokens": 256,
            "messages": [{"role": "user", "content": f"Question {number}: what is a weir?"}]}


def in_threads(arguments, url):
    with contextlib.ExitStack() as stack:
        transport = None
        if not arguments.plain:
            client = stack.enter_context(weir.Client(settings(arguments.rpm)))
            transport = {"http_client": HTTP.Client(transport=weir.Transport(client))}
        sdk = SDK.Anthropic(api_key=support.KEY, base_url=url, **(transport or {}))

        def ask(number):
            try:
                return sdk.messages.create(**body(number)).type == "message"
            except SDK.APIError:
                return False

        with concurrent.futures.ThreadPoolExecutor(arguments.callers) as pool:
            return sum(pool.map(ask, range(arguments.count)))


async def on_a_loop(arguments, url):
    numbers = iter(range(arguments.count))
    async with weir.AsyncClient(settings(arguments.rpm)) as client:
        http_client = HTTP.AsyncClient(transport=weir.AsyncTransport(client))
        sdk = SDK.AsyncAnthropic(api_key=support.KEY, base_url=url, http_client=http_client)

        async def caller():
            answered = 0
            for number in numbers:
                answered += (await sdk.messages.create(**body(number))).type == "message"
            return answered

        return sum(await asyncio.gather(*(caller() for _ in range(arguments.callers))))


def warm_up():
    """The SDK builds its models with its first call, which takes a second or more."""
    def answer(request):
        return HTTP.Response(200, json={
            "id": "msg", "type": "message", "role": "assistant", "model": support.MODEL,
            "content": [{"type": "text", "text": "A dam."}], "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}})

    with HTTP.Client(transport=HTTP.MockTransport(answer)) as http_client:
        SDK.Anthropic(api_key=support.KEY, http_client=http_client).messages.create(**body(0))


def measure(arguments):
    """What came of it, and the share of the optimum that was reached."""
    warm_up()
    with support.ModelServer(limits={"requests_per_minute": arguments.rpm}, depth_s=DEPTH_S,
                             **EVEN_ANSWERS) as server:
        started = time.monotonic()
        run = on_a_loop(arguments, server.url) if arguments.asyncio else None
        answered = asyncio.run(run) if run else in_threads(arguments, server.url)
        seconds = time.monotonic() - started
        seen = server.report()["total"]
    per_second = arguments.rpm / 60
    service_s = EVEN_ANSWERS["first_token_s"] + EVEN_ANSWERS["output_tokens"] / EVEN_ANSWERS["tokens_per_s"]
    optimum_s = (arguments.count - per_second * DEPTH_S) / per_second + service_s
    return {"answered": answered, "refused": sum(seen["refused"].values()), "seconds": round(seconds, 2),
            "optimum_s": round(optimum_s, 2), "goodput": round(optimum_s / seconds, 4)}


def arguments_of(command_line):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--rpm", type=int, default=600)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--asyncio", action="store_true")
    return parser.parse_args(command_line)


if __name__ == "__main__":
    print(json.dumps(measure(arguments_of(sys.argv[1:]))))
