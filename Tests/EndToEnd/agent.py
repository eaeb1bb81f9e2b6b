import json

import openai


def tool(name, description, **parameters):
    properties = {key: {"type": kind} for key, kind in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


FUNCTIONS = {"multiply": lambda a, b: a * b, "get_weather": lambda city: "rainy" if city == "Oslo" else "sunny"}
TOOLS = [
    tool("multiply", "Multiplies two numbers.", a="integer", b="integer"),
    tool("get_weather", "The weather of a place.", city="string"),
]


def answer(client, question):
    messages = [{"role": "user", "content": question}]
    while True:
        message = client.chat.completions.create(model="tiny", messages=messages, tools=TOOLS).choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message)
        for call in message.tool_calls:
            result = FUNCTIONS[call.function.name](**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})


if __name__ == "__main__":
    print(answer(openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="none"), "What is the weather in Oslo?"))
