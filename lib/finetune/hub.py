"""A student on the model hub: only when asked for, and private unless said otherwise."""

from pathlib import Path

from lib.settings import SetupError, portable
from lib.state import environment


def push_to_hub(model_dir: Path, card: str, name: str, *, public: bool) -> str:
    """Upload the merged model with its model card in one commit; the result is its address."""
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi, errors

    files = [path for path in sorted(model_dir.iterdir()) if path.is_file()]
    files = [path for path in files if path.name != "README.md"]
    operations = [CommitOperationAdd("README.md", card.encode())]
    operations += [CommitOperationAdd(path.name, path) for path in files]
    api = HfApi(token=environment().get("HF_TOKEN"))
    try:
        name = api.create_repo(name, private=not public, exist_ok=True).repo_id
        if not public and not api.model_info(name, timeout=30).private:
            raise SetupError(
                f"{name} is a public model on the hub already, so nothing was sent. Add --public, "
                "or give another name."
            )
        api.create_commit(name, operations, commit_message="Add the student")
    except (errors.HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
        status = getattr(getattr(error, "response", None), "status_code", 0)
        reason = f"{status}" if status else (str(error).splitlines() or [""])[0]
        raise SetupError(
            f"{portable(model_dir)} was not sent to {name} on the model hub ({reason}). It needs "
            "a name like you/model, and in .env an HF_TOKEN that may write."
        ) from None
    return f"{api.endpoint}/{name}"
