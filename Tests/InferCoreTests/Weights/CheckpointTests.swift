import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct CheckpointTests {
  typealias Entry = SafetensorsBytes.Entry

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func shard(_ name: String, _ tensors: [String]) throws {
    try folder.write(name, SafetensorsBytes.file(tensors.map { Entry($0, [1], [1]) }))
  }

  private func index(_ map: String) throws { try folder.write("model.safetensors.index.json", map) }

  private func problem() -> String {
    let error = #expect(throws: ModelError.self) { try Checkpoint(folder: folder.url) }
    return "\(error, default: "nothing")"
  }

  @Test func shardsMakeOneCheckpoint() throws {
    try shard("one.safetensors", ["a", "b"])
    try shard("two.safetensors", ["c"])
    try index(
      """
      {"metadata": {"total_size": 12},
       "weight_map": {"c": "two.safetensors", "a": "one.safetensors", "b": "one.safetensors"}}
      """)
    #expect(try Checkpoint(folder: folder.url).tensors.keys.sorted() == ["a", "b", "c"])
  }

  @Test func aFolderWithoutWeightsSaysWhatIsExpected() {
    #expect(problem().contains("model.safetensors"))
  }

  @Test func indexAndShardsMustAgree() throws {
    try shard("one.safetensors", ["a"])
    try index("{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"one.safetensors\"}}")
    #expect(problem().contains("tensor b") && problem().contains("one.safetensors"))
    try index("{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"two.safetensors\"}}")
    #expect(problem().contains("two.safetensors"))
    try shard("two.safetensors", ["a", "b"])
    #expect(problem().contains("tensor a") && problem().contains("one.safetensors"))
  }

  @Test(arguments: ["../one", "/etc/passwd", "..", ".", "", "x/../one", "x/one"])
  func shardsStandBesideTheIndex(_ name: String) throws {
    try index("{\"weight_map\": {\"a\": \"\(name)\"}}")
    let text = problem()
    #expect(text.contains("tensor a") || text.contains("not a regular file"))
  }

  @Test(arguments: ["", "{", "[]", "{\"weight_map\": [1]}", "{\"weight_map\": {\"a\": 7}}", "{}"])
  func brokenIndexes(_ text: String) throws {
    try index(text)
    #expect(problem().contains("model.safetensors.index.json") || problem().contains("tensor a"))
  }

  // MARK: WeightScope

  private func scope() throws -> WeightScope {
    var generator = SeededGenerator(seed: 22)
    try folder.write(
      "model.safetensors",
      SafetensorsBytes.file([
        Entry("m.layers.0.w", [2, 3], [1, 2, 3, 4, 5, 6]), Entry("m.layers.1.w", [2, 3], generator.floats(6)),
        Entry("m.layers.10.w", [1], [1]), Entry("m.stack", [2, 2, 3], generator.floats(12)),
        Entry("m.conv", [3, 1, 2], [1, 2, 3, 4, 5, 6]), Entry("m.ids", [2], type: "I64", bytes: Array(0..<16)),
        Entry("head", [2], [8, 9], type: "BF16"),
      ]))
    return try WeightScope(Checkpoint(folder: folder.url))
  }

  @Test func whatWasReadIsRemembered() throws {
    let weights = try scope()
    let layers = weights["m"]["layers"]
    #expect(try layers[0].matrix("w", rows: 2, columns: 3).floats() == [1, 2, 3, 4, 5, 6])
    #expect(try weights.vector("head", count: 2) == [8, 9])
    #expect(weights["m"].has("stack") && !weights.has("stack"))
    #expect(weights.unread == ["m.conv", "m.ids", "m.layers.1.w", "m.layers.10.w", "m.stack"])
    layers.discard("1.")
    weights["m"].discard("ids")
    #expect(weights.unread == ["m.conv", "m.layers.10.w", "m.stack"])
    let stack = try weights["m"].matrices("stack", count: 2, rows: 2, columns: 3)
    #expect(stack.count == 2 && stack[1].rows == 2 && weights.unread == ["m.conv", "m.layers.10.w"])
    // Channel by channel on disk, tap by tap in memory.
    #expect(try weights["m"].convolution("conv", channels: 3, taps: 2) == [1, 3, 5, 2, 4, 6])
  }

  @Test func wrongShapesAndTypesAreNamed() throws {
    let weights = try scope()
    func problem(_ read: () throws -> Void) -> String {
      let error = #expect(throws: ModelError.self, performing: read)
      return "\(error, default: "nothing")"
    }
    let missing = problem { _ = try weights["m"]["layers"][2].matrix("w", rows: 4, columns: 5) }
    #expect(missing.contains("m.layers.2.w") && missing.contains("missing") && missing.contains("[4, 5]"))
    let turned = problem { _ = try weights["m"]["layers"][0].matrix("w", rows: 3, columns: 2) }
    #expect(turned.contains("m.layers.0.w") && turned.contains("[2, 3]") && turned.contains("[3, 2]"))
    #expect(problem { _ = try weights.vector("head", count: 3) }.contains("[3]"))
    #expect(problem { _ = try weights["m"].matrices("stack", count: 3, rows: 2, columns: 3) }.contains("m.stack"))
    #expect(problem { _ = try weights["m"].convolution("conv", channels: 2, taps: 3) }.contains("m.conv"))
    let integers = problem { _ = try weights["m"].vector("ids", count: 2) }
    #expect(integers.contains("m.ids") && integers.contains("I64") && integers.contains("BF16"))
    // A tensor that was refused was not read.
    #expect(weights.unread.contains("m.layers.0.w"))
  }
}
