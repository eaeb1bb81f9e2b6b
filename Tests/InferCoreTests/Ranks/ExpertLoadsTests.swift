import InferCore
import InferMetrics
import TestSupport
import Testing

/// Experts dealt out to ranks by the rows that they have had.
@Suite struct ExpertLoadsTests {
  private static func shares(_ count: Int, _ loads: [Double]?) -> [ModelShare] {
    (0..<count).map { rank in
      var share = ModelShare(rank: rank, of: count)
      share.expertLoads = loads.map { ExpertLoads([3: $0]) }
      return share
    }
  }

  /// Every expert is somewhere, ranks have as many as without loads, and the busiest rank is at most one expert above the mean
  /// where ranks have room.
  @Test func everyExpertIsDealtOutOnce() throws {
    var generator = SeededGenerator(seed: 31)
    for _ in 0..<500 {
      let (ranks, experts) = (Int.random(in: 1...8, using: &generator), Int.random(in: 8...70, using: &generator))
      let loads = (0..<experts).map { _ in Double(Int.random(in: 0...1000, using: &generator)) }
      let shares = Self.shares(ranks, loads)
      let dealt = try shares.map { try $0.experts(of: experts, layer: 3) }
      #expect(dealt.flatMap { $0 }.sorted() == Array(0..<experts))
      #expect(dealt.map(\.count) == shares.map { $0.range(of: experts).count })
      #expect(dealt.allSatisfy { $0 == $0.sorted() })
      #expect(try shares[0].experts(of: experts, layer: 2) == Array(shares[0].range(of: experts)))
    }
  }

  /// Two busy neighbours are parted, and a rank that has its number of experts gets no more.
  @Test func busyExpertsArePartedAndRoomIsKept() throws {
    let parted = try Self.shares(2, [90, 80, 1, 2]).map { try $0.experts(of: 4, layer: 3) }
    #expect(parted == [[0, 2], [1, 3]])
    let kept = try Self.shares(2, [100, 1, 1, 1]).map { try $0.experts(of: 4, layer: 3) }
    #expect(kept.map(\.count) == [2, 2] && kept[0].contains(0))
    let loads = ExpertLoads([3: [90, 80, 1, 2]])
    #expect(try abs(loads.busiestPart(Self.shares(2, [90, 80, 1, 2])[0]) - 91.0 / 173) < 1e-12)
    #expect(try abs(loads.busiestPart(ModelShare(rank: 1, of: 2)) - 170.0 / 173) < 1e-12)
  }

  @Test func loadsOfAnotherModelAreRefused() {
    #expect {
      try Self.shares(2, [1, 2, 3])[0].experts(of: 4, layer: 3)
    } throws: { "\($0)".contains("3 experts in layer 3, and the model has 4") }
  }

  /// What an engine's page says is what loads are read from, pages of several servers are added up, and other lines are nothing.
  @Test func pagesOfMetricsAreRead() throws {
    let metrics = EngineMetrics(modelName: "a \"b\"\\c\n, layer=\"4\"")
    for (layer, expert, rows) in [(1, 0, 7), (1, 2, 5), (12, 1, 9)] {
      metrics.expertRows(String(layer), String(expert)).increment(by: rows)
    }
    let page = metrics.text()
    let loads = try ExpertLoads(metrics: page)
    #expect(loads.rows == [1: [7, 0, 5], 12: [0, 9]])
    #expect(try ExpertLoads(metrics: page + page).rows == [1: [14, 0, 10], 12: [0, 18]])
    #expect(try ExpertLoads(metrics: page + page).digest != loads.digest)
    #expect(try ExpertLoads(metrics: page).digest == loads.digest)
    let other = #"infer_expert_rows_total { expert = "1" , layer="0",} 3e2 1700000000000"#
    #expect(try ExpertLoads(metrics: other).rows == [0: [0, 300]])
  }

  @Test(arguments: [
    ("", "no infer_expert_rows_total"),
    ("# HELP infer_expert_rows_total Rows\ninfer_steps_total 3\n", "no infer_expert_rows_total"),
    (#"infer_expert_rows_total{layer="0",expert="-1"} 3"#, "expected infer_expert_rows_total with"),
    (#"infer_expert_rows_total{layer="0",expert="99999999999999999999"} 3"#, "expected infer_expert_rows_total with"),
    (#"infer_expert_rows_total{layer="0",expert="4096"} 3"#, "expected infer_expert_rows_total with"),
    (#"infer_expert_rows_total{layer="0"} 3"#, "expected infer_expert_rows_total with"),
    (#"infer_expert_rows_total{layer="0",expert="1"} NaN"#, "expected infer_expert_rows_total with"),
    (#"infer_expert_rows_total{layer="0",expert="1"} 1e300"#, "expected infer_expert_rows_total with"),
    (#"infer_expert_rows_total{layer="0",expert="1"#, "expected infer_expert_rows_total with"),
    (
      """
      infer_expert_rows_total{model_name="a",layer="0",expert="1"} 1
      infer_expert_rows_total{model_name="b",layer="0",expert="1"} 1
      """, "several models, a and b"
    ),
  ])
  func oddPagesAreRefused(_ page: String, _ words: String) {
    #expect { try ExpertLoads(metrics: page) } throws: { "\($0)".contains(words) }
  }
}
