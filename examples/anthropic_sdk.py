"""The Anthropic SDK under weir: many questions at once, within the limits, each answered.

    pip install anthropic
    ANTHROPIC_API_KEY=... python3 anthropic_sdk.py

The SDK is used as ever. weir stands where it makes its HTTP requests: it holds each back until the
limits allow it, and repeats what may be repeated. The SDK's own retries have nothing left to do.
"""

import concurrent.futures

import anthropic
import httpx2  # httpx for versions of the SDK before 1.0

import weir

RIVERS = ["the Rhine", "the Thames", "the Nile", "the Loire"]


def main():
    # One client for the whole program: what it knows of the limits counts for all that is asked.
    # Without settings it takes the key of ANTHROPIC_API_KEY and learns the limits from the answers.
    with weir.Client() as limits:
        sdk = anthropic.Anthropic(http_client=httpx2.Client(transport=weir.Transport(limits)))

        def ask(river):
            message = sdk.messages.create(
                model="claude-sonnet-4-5", max_tokens=200,
                messages=[{"role": "user", "content": f"Name a weir on {river}."}],
                # weir's own headers are not sent: here, what waits longer than this is given up.
                extra_headers={"weir-priority": "low", "weir-deadline-s": "600"})
            return f"{river}: {message.content[0].text}"

        # As many threads as you like: weir decides how many requests are under way.
        with concurrent.futures.ThreadPoolExecutor(64) as threads:
            for answer in threads.map(ask, RIVERS):
                print(answer)

        # Streams as well; this one goes before everything of a lower priority.
        with sdk.messages.stream(model="claude-sonnet-4-5", max_tokens=200,
                                 messages=[{"role": "user", "content": "What is a weir?"}],
                                 extra_headers={"weir-priority": "high"}) as stream:
            print("".join(stream.text_stream))


if __name__ == "__main__":
    main()
