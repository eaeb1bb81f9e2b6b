import Testing

@testable import InferCore

@Suite struct PageGroupsTests {
  private func layout(_ windows: [Int?]) -> StateLayout {
    var layout = StateLayout()
    for window in windows { _ = layout.add(.paged(heads: 1, headDimension: 4), window: window) }
    return layout
  }

  /// Without windows, or with the same in all layers, there is one group and a lane for each piece.
  @Test(arguments: [nil, 7] as [Int?]) func oneWindowIsOneGroup(window: Int?) {
    let groups = layout([window, window, window]).pageGroups
    #expect(groups.windows == [window] && groups.laneCount == 3)
    #expect(groups.places == (0..<3).map { PageGroups.Place(group: 0, lane: $0) })
  }

  /// Five layers with a window to one without, as in Gemma 3: pages are as large as the fewer layers', so that nothing is
  /// wasted.
  @Test func groupsShareLanes() {
    let layout = layout((0..<18).map { $0 % 6 == 5 ? nil : 512 })
    let groups = layout.pageGroups
    #expect(groups.laneCount == 3 && groups.windows.count == 6 && groups.windows.count { $0 == nil } == 1)
    #expect(layout.pageBytes(tokens: 16, type: .f32) == 3 * 16 * 2 * 4 * 4)
    let places = groups.places.compactMap(\.self)
    #expect(places.count == 18 && Set(places.map { $0.group * 3 + $0.lane }).count == 18)
    #expect(zip(places, layout.windows).allSatisfy { groups.windows[$0.group] == $1 })
  }

  /// However layers are mixed, a sequence's table does not grow beyond bounds.
  @Test func groupsAreFew() {
    let groups = layout((0..<62).map { $0 % 6 == 5 ? nil : 1024 }).pageGroups
    #expect(groups.windows.count <= 16 && groups.laneCount >= 5)
    #expect(layout([]).pageGroups.windows == [nil])
  }

  /// A sequence holds a window's pages, and those of the tokens that are computed at a time.
  @Test func pagesOfSequences() {
    let rows = PageRows(pageTokens: 16, windows: [nil, 32])
    #expect(rows.pageCount(for: 16, run: 16) == 2 && rows.pageCount(for: 160, run: 1) == 10 + 3)
    #expect(rows.pageCount(for: 16_000, run: 16) == 1000 + 4)
    #expect(rows.tokenCount(of: 1004) == 16_000 && rows.tokenCount(of: 1) == 0)
    #expect(PageRows(pageTokens: 16).tokenCount(of: 10) == 160)
    #expect(PageRows(pageTokens: 16, windows: [32]).tokenCount(of: 4) == 1 << 40)
    // Tokens 69 … 99 are seen by token 100.
    #expect(rows.firstNeeded(1, at: 100) == 4 && rows.firstNeeded(0, at: 100) == 0)
  }

  /// A prefix is of use as far as the pages before it go back.
  @Test func prefixesWithoutTheirWindows() {
    let rows = PageRows(pageTokens: 4, windows: [nil, 6])
    // Five rows, of which the third lacks the window's page.
    var table: [Int32] = [0, 1, 2, 3, 4, -1, 5, 6, 7, 8]
    #expect(rows.usable(20, table) == 20 && rows.usable(18, table) == 18 && rows.usable(17, table) == 17)
    // Token 16 looks back at token 11, the last of the third row.
    #expect(rows.usable(16, table) == 8 && rows.usable(9, table) == 8)
    table[1] = -1
    #expect(rows.usable(16, table) == 0)
  }
}
