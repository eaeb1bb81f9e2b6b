/// The paged pieces of a layout in groups, each of which has pages of its own: those of a group are needed for equally long.
///
/// A page holds a number of tokens' rows of every piece of its group. All groups take pages from one pool, so that what windows
/// leave behind is free for whoever needs a page: lane `l` of a page is the group's `l`-th piece, and pieces of one lane share
/// memory. Where no piece has a window, there is one group, and a lane for each piece.
package struct PageGroups: Sendable, Equatable {
  /// The place of a piece.
  struct Place: Sendable, Equatable {
    let group: Int
    let lane: Int
  }

  /// The number of tokens that each group is looked back at; `nil` for all.
  package let windows: [Int?]
  /// The place of each piece of the layout; `nil` for recurrent ones.
  let places: [Place?]
  /// The number of pieces of the largest group.
  let laneCount: Int

  /// The maximum number of groups: as many page numbers stand in a sequence's table for each page of tokens.
  private static let mostGroups = 16

  /// The groups of a layout's pieces.
  init(_ kinds: [StateKind], windows: [Int?]) {
    // Pieces by window, in the order in which windows first come.
    var classes: [(window: Int?, pieces: [Int])] = []
    for (piece, kind) in kinds.enumerated() {
      if case .recurrent = kind { continue }
      if let index = classes.firstIndex(where: { $0.window == windows[piece] }) {
        classes[index].pieces.append(piece)
      } else {
        classes.append((windows[piece], [piece]))
      }
    }
    let laneCount = Self.laneCount(classes.map { ($0.pieces.count, $0.window != nil) })
    var places = [Place?](repeating: nil, count: kinds.count)
    var groups: [Int?] = []
    for (window, pieces) in classes {
      for (index, piece) in pieces.enumerated() {
        if index % laneCount == 0 { groups.append(window) }
        places[piece] = Place(group: groups.count - 1, lane: index % laneCount)
      }
    }
    self.windows = groups.isEmpty ? [nil] : groups
    self.places = places
    self.laneCount = laneCount
  }

  /// The number of lanes with which pages waste least: lanes of a group without a piece are memory for nothing, for long
  /// where the group has no window.
  private static func laneCount(_ classes: [(count: Int, hasWindow: Bool)]) -> Int {
    guard classes.count > 1 else { return classes.first?.count ?? 0 }
    func groups(_ lanes: Int) -> Int { classes.reduce(0) { $0 + ($1.count + lanes - 1) / lanes } }
    func cost(_ lanes: Int) -> Int {
      classes.reduce(0) { $0 + ($1.count + lanes - 1) / lanes * lanes * ($1.hasWindow ? 1 : 4) }
    }
    let most = classes.map(\.count).max() ?? 1
    let choices = (1...most).filter { groups($0) <= mostGroups }
    return choices.min { (cost($0), groups($0)) < (cost($1), groups($1)) } ?? most
  }
}

/// The pages of a sequence, in rows: row `j` of its table has a page of each group for its `j`-th page of tokens, or none where
/// nobody looks back so far.
package struct PageRows: Sendable, Equatable {
  /// The number of tokens in a page.
  package let pageTokens: Int
  /// The number of tokens that each group is looked back at; `nil` for all.
  package let windows: [Int?]
  /// Stands for no page.
  static let none: Int32 = -1

  /// Rows of the groups with these windows.
  package init(pageTokens: Int, windows: [Int?] = [nil]) {
    self.pageTokens = pageTokens
    self.windows = windows
  }

  /// The number of pages of a row.
  package var groupCount: Int { windows.count }

  /// `true` when some layers do not look back at everything.
  var hasWindows: Bool { windows.contains { $0 != nil } }

  /// The number of rows for so many tokens.
  func count(for tokens: Int) -> Int { (tokens + pageTokens - 1) / pageTokens }

  /// The number of pages that a sequence of so many tokens holds at most while up to `run` of them are computed at a time.
  package func pageCount(for tokens: Int, run: Int) -> Int {
    let rows = count(for: tokens)
    return windows.reduce(0) { sum, window in
      guard let window else { return sum + rows }
      let seen = window - 1 + min(run, tokens)
      return sum + min(rows, seen > tokens ? rows : count(for: seen) + 1)
    }
  }

  /// The maximum number of tokens, a whole number of rows, for which so many pages are enough, a row at a time.
  func tokenCount(of pages: Int) -> Int {
    guard hasWindows else { return pages.multipliedReportingOverflow(by: pageTokens).partialValue }
    guard pages >= 0, windows.contains(nil) || pageCount(for: 1 << 40, run: pageTokens) > pages else { return 1 << 40 }
    var (fits, tooMany) = (0, pages + 1)
    while tooMany - fits > 1 {
      let rows = (fits + tooMany) / 2
      if pageCount(for: rows * pageTokens, run: pageTokens) <= pages { fits = rows } else { tooMany = rows }
    }
    return fits * pageTokens
  }

  /// The first row whose page a group needs once so many tokens are computed, of which the first `whole` rows are full: those
  /// before lie behind the windows of all tokens to come. The last full row stays in any case, since the cache knows the
  /// sequence by it.
  func firstNeeded(_ group: Int, at tokens: Int) -> Int {
    guard let window = windows[group] else { return 0 }
    return max(0, min((tokens - window + 1) / pageTokens, tokens / pageTokens - 1))
  }

  /// The longest prefix of `tokens` tokens that a sequence can go on from with these pages: all, or whole rows.
  func usable(_ tokens: Int, _ table: [Int32]) -> Int {
    var tokens = tokens
    while tokens > 0, let row = lastMissing(at: tokens, table) { tokens = row * pageTokens }
    return tokens
  }

  /// The last row before `tokens` tokens that lacks a page which is needed there.
  private func lastMissing(at tokens: Int, _ table: [Int32]) -> Int? {
    var last: Int?
    for group in windows.indices where windows[group] != nil {
      for row in stride(from: count(for: tokens) - 1, through: firstNeeded(group, at: tokens), by: -1) {
        guard table[row * groupCount + group] == Self.none else { continue }
        last = max(last ?? 0, row)
        break
      }
    }
    return last
  }
}
