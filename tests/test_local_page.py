"""The page for this machine alone (its content: tests/browser/)."""

import os
import subprocess
import sys

from lib.settings import PROJECT_DIR

SERVES = """
import os, urllib.request
from lib.local_page import serving_page

def build():
    import gradio
    with gradio.Blocks(analytics_enabled=False) as page:
        gradio.HTML("here")
    return page

before = {*os.environ.items()}
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with serving_page(build, style="") as url:
    print(direct.open(url).status, before - {*os.environ.items()}, "no_proxy" in os.environ)
"""


def test_a_page_is_served_whatever_the_environment_says_of_the_network() -> None:
    """Proxies reach no loopback address; endpoints are asked through them all the same."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [sys.executable, "-c", SERVES],
        cwd=PROJECT_DIR,
        env=kept
        | {"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"}
        | {"SSL_CERT_FILE": "/gone/cacert.pem"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "200 set() False\n", done.stderr[-2000:]
