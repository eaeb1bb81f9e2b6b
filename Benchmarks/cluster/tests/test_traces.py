import pytest
from infer_serve_cluster.traces import Request, azure, mooncake, pressed, read, repeated


def test_mooncake(tmp_path):
    path = tmp_path / "trace.jsonl"
    path.write_text(
        '{"timestamp": 3000, "input_length": 1030, "output_length": 5, "hash_ids": [7, 8, 9]}\n'
        '{"timestamp": 2000, "input_length": 3, "output_length": 1, "hash_ids": [7]}\n')
    assert read(f"mooncake:{path}") == [Request(0, 3, 1, ("7",)), Request(1, 1030, 5, ("7", "8", "9"))]
    assert mooncake(path, 4)[1] == Request(1, 257, 1, ("7", "8", "9"), 128)
    path.write_text('{"timestamp": 1}\n')
    with pytest.raises(ValueError, match="line 1"):
        mooncake(path)
    with pytest.raises(ValueError, match="divisor"):
        mooncake(path, 0)


def test_azure(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
                    "2023-11-16 18:16:46.6805900,10,1\n")
    assert azure(path) == [Request(0, 374, 44), Request(60, 10, 1)]
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,374,44\n")
    with pytest.raises(ValueError, match="line 2"):
        azure(path)
    path.write_text("")
    with pytest.raises(ValueError, match="no requests"):
        azure(path)


def test_other_traces_are_refused():
    for name in ("trace.csv", "azure:", "vllm:x"):
        with pytest.raises(ValueError, match="mooncake:FILE"):
            read(name)


def test_more_users_share_the_first_block_alone():
    one = [Request(0, 10, 1, ("a", "b")), Request(2, 20, 1, ("a", "b", "c"))]
    many = list(repeated(one, 3))
    assert [r.at for r in many] == [0, 0, 0, 2, 2, 2]
    assert {r.blocks[0] for r in many} == {"a"}
    assert len({r.blocks[1] for r in many}) == 3
    assert pressed(one, 10)[1].at == 10
