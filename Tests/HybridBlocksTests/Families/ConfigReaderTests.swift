import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

@Suite struct ConfigReaderTests {
  private func reader(_ text: String) throws -> ConfigReader {
    try ConfigReader(JSONValue(parsing: text, options: .configuration))
  }

  private func problem(_ body: () throws -> Void) -> String {
    let error = #expect(throws: ModelError.self, performing: body)
    return "\(error, default: "nothing")"
  }

  @Test func theFirstSpellingThatIsThereCounts() throws {
    let config = try reader("{\"b\": 2, \"c\": 3, \"a\": null}")
    #expect(try config.size("a", "b", "c") == 2)
    #expect(try config.size("x", "c") == 3)
    #expect(try config.size("x", "a", default: 9) == 9)
    #expect(!config.has("a") && config.has("b") && !config.has("x"))
    let missing = problem { _ = try config.size("x", "y") }
    #expect(missing.contains("x or y") && missing.contains("missing"))
  }

  @Test func wrongTypesAndRangesAreNamed() throws {
    let config = try reader(
      """
      {"zero": 0, "huge": 1048577, "beyond": 99999999999999999999, "half": 0.5, "text": "7", "list": [1, "x"],
       "inf": Infinity, "nan": NaN, "wrapped": {"__float__": "Infinity"}, "large": 1e300, "tiny": 1e-300, "flag": 1,
       "negative": -3, "object": {"a": {"b": []}}}
      """)
    #expect(try config.count("zero") == 0)
    for key in ["zero", "huge", "beyond", "half", "text", "list", "inf", "nan", "wrapped", "negative", "object"] {
      let text = problem { _ = try config.size(key) }
      #expect(text.contains("config.json: \(key)") && text.contains("expected an integer in 1…1048576"))
    }
    for key in ["inf", "nan", "wrapped", "large", "text"] {
      #expect(problem { _ = try config.number(key) }.contains("config.json: \(key)"))
    }
    for key in ["inf", "nan", "wrapped", "large", "tiny", "zero", "negative"] {
      #expect(problem { _ = try config.positive(key) }.contains("a number above 0"))
    }
    #expect(problem { _ = try config.flag("flag") }.contains("true or false"))
    #expect(problem { _ = try config.string("flag") }.contains("a string"))
    #expect(problem { _ = try config.strings("list") }.contains("a list of strings"))
    #expect(problem { _ = try config.strings("text") }.contains("a list of strings"))
    #expect(problem { _ = try config.indices("list") }.contains("a list of indices"))
    #expect(problem { _ = try config.sizes("list", layers: 2) }.contains("config.json: list"))
    #expect(problem { _ = try config.sizes("list", layers: 3) }.contains("3 of them"))
    #expect(problem { _ = try config.object("list") }.contains("an object"))
    let inner = try #require(try config.object("object"))
    #expect(problem { _ = try inner.size("a") }.contains("object.a"))
    for text in ["[]", "7", "null", "\"x\""] { #expect(problem { _ = try reader(text) }.contains("an object")) }
  }

  /// Both ways in which infinity is written into files that nobody needs to read.
  @Test(arguments: ["[0.0, Infinity]", "[0.0, {\"__float__\": \"Infinity\"}]"])
  func infinityDoesNotStandInTheWay(_ limit: String) throws {
    let config = try reader("{\"time_step_limit\": \(limit), \"n\": 4}")
    #expect(try config.size("n") == 4 && config.unread == ["time_step_limit"])
    config.ignore(["time_step_limit"])
    #expect(config.unread == [])
  }

  @Test func whatNobodyReadIsListed() throws {
    let config = try reader(
      """
      {"z": 1, "a": {"x": 1, "y": null, "w": 2}, "b": {"x": 1}, "c": null, "d": 4, "e": {"p": 1}}
      """)
    _ = try config.size("d")
    _ = try config.object("a")?.size("x")
    config.ignore(["e"])
    // `b` as a whole, of `a` what was left; nulls say nothing, and what is ignored is ignored with all it holds.
    #expect(config.unread == ["z", "a.w", "b"])
    try config.object("b")?.ignore(["x"])
    #expect(config.unread == ["z", "a.w"])
    config.ignore(["a"])
    #expect(config.unread == ["z"])
  }

  @Test func listsOfOneSizeALayer() throws {
    let config = try reader("{\"one\": 3, \"list\": [1, 2, 3], \"zero\": 0}")
    #expect(try config.sizes("one", layers: 2) == [3, 3])
    #expect(try config.sizes("list", layers: 3) == [1, 2, 3])
    #expect(try config.sizes("none", layers: 2, default: 5) == [5, 5])
    #expect(throws: ModelError.self) { try config.sizes("none", layers: 2) }
  }

  /// Of several spellings, errors name the one in the file, with the objects around it.
  @Test func keysAreNamedAsTheFileHasThem() throws {
    let config = try ConfigReader(
      JSONValue(
        parsing: """
          {"text_config": {"hidden_size": 4, "num_experts_per_token": 9, "rope_scaling": {"type": "spiral", "factor": 0}}}
          """), file: URL(filePath: "/models/own.json"))
    let text = try #require(try config.object("text_config"))
    _ = try text.size("num_experts_per_tok", "num_experts_per_token")
    let experts = problem { try text.require(false, "num_experts_per_tok", "9 of 4 experts") }
    #expect(experts == "/models/own.json: text_config.num_experts_per_token: 9 of 4 experts")
    let rope = try #require(try text.ropeParameters())
    let factor = problem { _ = try rope.positive("factor") }
    #expect(factor == "/models/own.json: text_config.rope_scaling.factor: is 0, expected a number above 0")
    let kind = problem { _ = try text.rotaryFrequencies(headDimension: 8, theta: 10) }
    #expect(kind.hasPrefix("/models/own.json: text_config.rope_scaling.type: spiral is not supported"))
    // A key that the file has under both spellings is named as it is.
    let both = try reader("{\"a\": 1, \"b\": 2}")
    _ = try both.size("a", "b")
    #expect(problem { try both.require(false, "b", "no") } == "config.json: b: no")
    // A value that follows from another key.
    let heads = try reader("{\"num_attention_heads\": 8}")
    _ = try heads.attentionShape(width: 24, bias: false)
    let odd = problem { _ = try heads.rotary(headDimension: 3, contextLength: 1, theta: 10) }
    #expect(odd.hasPrefix("config.json: num_attention_heads: 3 of 3 dimensions"))
  }

  /// Values of a file of another kind are named by its keys, given and missing ones alike.
  @Test func valuesKnowWhereTheyComeFrom() throws {
    let file = try #require(URL(string: "model.gguf"))
    var translated = Configuration(file: file, architecture: "mamba9")
    translated.set("hidden_size", 0, from: "embedding_length", isComputed: false)
    translated.set("head_dim", 0, from: "ssm.inner_size")
    translated.name("num_experts", from: "expert_count")
    translated.set("rope_parameters.factor", -1, from: "rope.scaling.factor", isComputed: false)
    translated.set("vocab_size", "many", from: .tensor("token_embd.weight"))
    translated.set("model_type", "mamba9", from: .architecture)
    let config = ConfigReader(translated)
    #expect(problem { _ = try config.size("hidden_size") }.hasPrefix("model.gguf: mamba9.embedding_length: is 0, "))
    #expect(problem { _ = try config.size("head_dim") }.hasPrefix("model.gguf: mamba9.ssm.inner_size: gives 0, "))
    let missing = problem { _ = try config.size("num_local_experts", "num_experts") }
    #expect(missing == "model.gguf: mamba9.expert_count: is missing")
    let factor = problem { _ = try config.object("rope_parameters")?.positive("factor") }
    #expect(factor.hasPrefix("model.gguf: mamba9.rope.scaling.factor: is -1, "))
    #expect(problem { _ = try config.size("vocab_size") }.hasPrefix("model.gguf: tensor token_embd.weight: gives "))
    #expect(problem { _ = try Families.family(for: config) }.contains("model.gguf: general.architecture: \"mamba9\""))
    #expect(translated["num_experts"] == nil && !config.has("num_experts"))
    #expect(ConfigReader(translated).unread.first == "mamba9.embedding_length")
  }
}
