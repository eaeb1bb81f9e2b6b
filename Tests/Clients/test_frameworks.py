"""Libraries that programs talk to models with."""
import json

import instructor
import litellm
import openai
import pydantic
import pytest
from agents import Agent as OpenAIAgent
from agents import OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel as PydanticResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from conftest import ARGUMENTS, JSON, SAID, THOUGHT

ASK = [{"role": "user", "content": "Weather in 深圳?"}]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "Get the weather.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}}}]


class Weather(pydantic.BaseModel):
    """The weather that is asked for."""

    city: str
    days: int


# LiteLLM's names for the APIs, and where each is on the server.
PROVIDERS = {"openai": "/v1", "hosted_vllm": "/v1", "anthropic": "", "ollama_chat": ""}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_litellm(caller, provider):
    options = {"model": f"{provider}/{caller.model}", "api_base": caller.url + PROVIDERS[provider], "api_key": "none",
               "messages": ASK, "max_tokens": 300, "num_retries": 0}
    message = litellm.completion(tools=TOOLS, **options).choices[0].message
    (call,) = message.tool_calls
    assert call.function.name == "get_weather" and json.loads(call.function.arguments) == ARGUMENTS
    assert message.content.strip() == SAID and message.reasoning_content == THOUGHT
    chunks = list(litellm.completion(tools=TOOLS, stream=True, **options))
    whole = litellm.stream_chunk_builder(chunks, messages=ASK).choices[0].message
    assert whole.content.strip() == SAID and json.loads(whole.tool_calls[0].function.arguments) == ARGUMENTS
    assert litellm.completion(**options).usage.completion_tokens > 5


def test_litellm_knows_errors(caller):
    options = {"model": f"openai/{caller.model}", "api_base": caller.url + "/v1", "num_retries": 0}
    with pytest.raises(litellm.BadRequestError, match="temperature"):
        litellm.completion(messages=ASK, temperature=7, **options)
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion(messages=[{"role": "user", "content": "word " * 20000}], **options)


def test_instructor(recite):
    server = recite(f" {JSON}}}</tool_call>")
    client = instructor.from_openai(openai.OpenAI(base_url=f"{server.url}/v1", max_retries=0))
    weather = client.chat.completions.create(model=server.model, messages=ASK, response_model=Weather, max_retries=0)
    assert weather.model_dump() == ARGUMENTS


@pytest.mark.parametrize("kind", [OpenAIChatModel, PydanticResponsesModel])
def test_pydantic_ai(recite, speaker, kind):
    def model(server):
        return kind(server.model, provider=OpenAIProvider(base_url=f"{server.url}/v1"))

    server = recite(f'final_result", "arguments": {JSON}}}</tool_call>')
    result = Agent(model(server), output_type=Weather).run_sync("Weather?")
    assert result.output == Weather(**ARGUMENTS)
    agent = Agent(model(speaker), system_prompt="Be brief.")
    result = agent.run_sync("Weather?")
    assert result.output == SAID and result.usage.output_tokens > 0
    again = agent.run_sync("And now?", message_history=result.all_messages())
    assert again.output == SAID and again.usage.input_tokens > result.usage.input_tokens
    with agent.run_stream_sync("Weather?") as stream:
        assert list(stream.stream_text())[-1] == SAID


@pytest.mark.parametrize("kind", [OpenAIChatCompletionsModel, OpenAIResponsesModel])
def test_openai_agents(caller, speaker, kind):
    @function_tool
    def get_weather(city: str, days: int) -> str:
        """Get the weather."""
        return f"{city}: {days}"

    def model(server):
        return kind(
            model=server.model, openai_client=openai.AsyncOpenAI(base_url=f"{server.url}/v1", max_retries=0))

    agent = OpenAIAgent(
        name="a", instructions="Help.", model=model(caller), tools=[get_weather], tool_use_behavior="stop_on_first_tool")
    assert Runner.run_sync(agent, "Weather?").final_output == "深圳: 3"
    agent = OpenAIAgent(name="b", model=model(speaker))
    result = Runner.run_sync(agent, "Weather?")
    assert result.final_output == SAID
    assert Runner.run_sync(agent, [*result.to_input_list(), *ASK]).final_output == SAID


def test_langchain_openai(caller):
    @tool
    def get_weather(city: str, days: int) -> str:
        """Get the weather."""
        return f"{city}: {days}"

    model = ChatOpenAI(model=caller.model, base_url=f"{caller.url}/v1", max_retries=0).bind_tools([get_weather])
    answer = model.invoke("Weather?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("get_weather", ARGUMENTS)]
    assert answer.content.strip() == SAID and answer.usage_metadata["output_tokens"] > 5
    whole = None
    for chunk in model.stream(["Weather?"]):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls[0]["args"] == ARGUMENTS and whole.content.strip() == SAID


def test_embeddings(tiny):
    texts = ["What is 47 + 85?", "雞兔同籠"]
    options = {"base_url": f"{tiny.url}/v1", "max_retries": 0}
    # Its own tokens would be those of OpenAI's models.
    chain = OpenAIEmbeddings(model=tiny.model, check_embedding_ctx_length=False, **options).embed_documents(texts)
    lite = litellm.embedding(model=f"openai/{tiny.model}", input=texts, api_base=f"{tiny.url}/v1", num_retries=0)
    for one, other in zip(chain, lite.data):
        assert other["embedding"] == pytest.approx(one, abs=1e-3) and sum(x * x for x in one) == pytest.approx(1, rel=1e-4)
