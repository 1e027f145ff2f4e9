"""The openai SDK's client, for what is asked seldom: files, batches, fine-tuning jobs, streams."""

from typing import Any
from urllib.parse import urlsplit

from lib.endpoints import EndpointSettings
from lib.engine.transport import LOCAL_HOSTS, entra_token, proxy_of


def sdk_client(settings: EndpointSettings) -> Any:
    """A client of the endpoint. It follows no redirect: the key would go along."""
    import openai

    proxy_of(settings.base_url)  # a SOCKS proxy is refused clearly
    is_local = urlsplit(settings.base_url).hostname in LOCAL_HOSTS  # no proxy
    http_client = openai.DefaultHttpxClient(follow_redirects=False, trust_env=not is_local)
    token = entra_token(settings).get_now if settings.use_entra_id else None
    if settings.style == "openai":
        return openai.OpenAI(
            api_key=token or settings.api_key, base_url=settings.base_url, http_client=http_client
        )
    return openai.AzureOpenAI(
        api_key=settings.api_key or None,
        azure_ad_token_provider=token,
        azure_endpoint=settings.base_url,
        api_version=settings.api_version,
        http_client=http_client,
    )


def short_faults() -> tuple[type[Exception], ...]:
    """Errors of the SDK that pass: what was submitted goes on without us."""
    import openai

    return openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError
