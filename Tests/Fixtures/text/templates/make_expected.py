"""Renders the conversations of `expected.json` with one more template, by Hugging Face's renderer (transformers 5.23).

    pip install transformers==5.23.0 jinja2==3.1.6 && python make_expected.py NAME   # reads NAME.jinja
"""
import datetime
import json
import pathlib
import sys

from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).parent


def main(name):
    file = json.loads((HERE / "expected.json").read_text())

    class Now(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.fromisoformat(file["now"])

    chat_template_utils.datetime = Now
    source = (HERE / f"{name}.jinja").read_text()
    results = {}
    for case, given in file["cases"].items():
        arguments = {"add_generation_prompt": True} | file["variables"] | {k: v for k, v in given.items() if k != "messages"}
        try:
            rendered, _ = chat_template_utils.render_jinja_template([given["messages"]], chat_template=source, **arguments)
            results[case] = {"output": rendered[0]}
        except Exception as error:
            results[case] = {"error": str(error)}
    file["expected"][name] = results
    (HERE / "expected.json").write_text(json.dumps(file, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
