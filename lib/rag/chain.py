"""The RAG chain: documents + prompt (the student's by default) → one reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lib.prompts.student import STUDENT_PROMPT, Prompt

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable

    from lib.rag.citations import CitedAnswer


def rag_chain(
    retriever: BaseRetriever,
    model: BaseChatModel,
    *,
    refusal: str = "",
    prompt: Prompt = STUDENT_PROMPT,
) -> Runnable[str, CitedAnswer]:
    """A LangChain Runnable: a question → the answer with its citations.

    Retriever and chat model may be any, such as `ChatOpenAI(base_url=…, model=…)` of
    langchain-openai on the student's endpoint. It is asked with the prompt that the student was
    trained on.
    """
    from langchain_core.runnables import RunnableLambda, RunnablePassthrough

    from lib.rag.citations import read_reply
    from lib.rag.documents import as_chunk, parts_of

    def messages(found: dict[str, Any]) -> list[Any]:
        texts = [as_chunk(document).text for document in found["documents"]]
        return list(prompt.messages(found["question"], texts, refusal=refusal))

    def read(found: dict[str, Any]) -> CitedAnswer:
        chunks, parts = [as_chunk(d) for d in found["documents"]], parts_of(found["documents"])
        return read_reply(str(found["reply"].text), chunks, refusal=refusal, parts=parts)

    return (
        {"question": RunnablePassthrough(), "documents": retriever}
        | RunnablePassthrough.assign(reply=RunnableLambda(messages) | model)
        | RunnableLambda(read)
    )
