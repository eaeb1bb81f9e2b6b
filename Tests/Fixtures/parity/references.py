"""The expected values of a parity fixture, by a model of transformers."""
import torch


def references(model, generator, vocabulary, lengths, greedy_tokens):
    """Prompts of these lengths at random, the logits of each, and the greedy tokens behind it, each by full recomputation."""
    result = {}
    for index, length in enumerate(lengths):
        tokens = torch.randint(3, vocabulary, (1, length), generator=generator)
        result[f"input_ids.{index}"] = tokens[0].to(torch.int32).contiguous()
        result[f"logits.{index}"] = model(input_ids=tokens, use_cache=False).logits[0].float().contiguous()
        greedy, margins = [], []
        for _ in range(greedy_tokens):
            last = model(input_ids=tokens, use_cache=False).logits[0, -1]
            best = torch.topk(last, 2).values
            margins.append((best[0] - best[1]).item())
            greedy.append(int(last.argmax()))
            tokens = torch.cat([tokens, torch.tensor([[greedy[-1]]])], 1)
        result[f"greedy.{index}"] = torch.tensor(greedy, dtype=torch.int32)
        result[f"greedy_margin.{index}"] = torch.tensor(margins)
    return result
