"""Run by .venv-llama-cpp/bin/python, where xllamacpp is: llama.cpp's server with one model.

It imports nothing of ours. The key is in LLAMA_API_KEY.
"""

import argparse
import os
import threading

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("gguf")
parser.add_argument("--name", required=True, help="the model's name at the endpoint")
parser.add_argument("--host", required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--context", type=int, required=True, help="tokens, of all slots together")
parser.add_argument("--slots", type=int, required=True, help="requests at work")
parser.add_argument("--threads", type=int, required=True)


def main() -> None:
    import xllamacpp

    options, params = parser.parse_args(), xllamacpp.CommonParams()
    params.model.path, params.model_alias = options.gguf, {options.name}
    params.hostnames, params.port = [options.host], options.port
    params.api_keys = [os.environ["LLAMA_API_KEY"]]
    params.cors_origins, params.ui, params.endpoint_slots = "", False, False
    params.cache_ram_mib = 0  # the default is 8 GiB of old prompts
    # Not unified: a request would attend over the context of all (half as much CPU again).
    params.n_ctx, params.n_parallel, params.kv_unified = options.context, options.slots, False
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = options.threads
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    server = xllamacpp.Server(params)
    print(f"Listening at {server.listening_address}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
