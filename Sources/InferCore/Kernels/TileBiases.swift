internal import CKernels

/// The biases of the scores of a tile of rows of one key head, each of which mixes profiles by its own weights.
@safe struct TileBiases {
  private let profiles: DistanceProfiles
  /// The number of rows, and of query heads that share the key head.
  private let (rows, group): (Int, Int)
  /// The position of the first row.
  private let position: Int
  /// The number of query rows in whole registers.
  private let columns: Int
  /// The number of tokens of a page.
  private let pageTokens: Int
  /// `[rows · group × profiles]`
  private let weights: UnsafeMutablePointer<Float>
  /// `[profiles × columns]`: the weights by column.
  private let weightColumns: UnsafeMutablePointer<Float>
  /// Biases, of a page or of a block of keys.
  private let biases: UnsafeMutablePointer<Float>

  /// The number of floats of a worker's memory.
  ///
  /// - Parameters:
  ///   - profiles: the profiles.
  ///   - columns: the number of query rows in whole registers.
  ///   - page: the most biases of a page.
  ///   - block: the most keys and rows of a block of keys.
  static func workspaceCount(_ profiles: DistanceProfiles, columns: Int, page: Int, block: Int) -> Int {
    2 * profiles.count * columns + max(page, block * columns)
  }

  /// Copies the weights of a tile's rows.
  ///
  /// - Parameters:
  ///   - profiles: the profiles.
  ///   - weights: those of query row `r` and head `g` are at `weights[r · stride + g · profiles]`.
  ///   - stride: the number of floats from a row to the next.
  ///   - rows: the number of rows.
  ///   - group: the number of query heads that share the key head.
  ///   - position: the position of the first row.
  ///   - columns: the number of query rows in whole registers.
  ///   - pageTokens: the number of tokens of a page.
  ///   - workspace: memory of ``workspaceCount(_:columns:page:block:)`` floats.
  init(
    _ profiles: DistanceProfiles, weights: UnsafePointer<Float>, stride: Int, rows: Int, group: Int, position: Int,
    columns: Int, pageTokens: Int, workspace: UnsafeMutablePointer<Float>
  ) {
    self.profiles = profiles
    (self.rows, self.group) = (rows, group)
    self.position = position
    self.columns = columns
    self.pageTokens = pageTokens
    let count = profiles.count
    unsafe self.weights = workspace
    unsafe weightColumns = workspace + count * columns
    unsafe biases = workspace + 2 * count * columns
    for row in 0..<rows {
      unsafe (self.weights + row * group * count).update(from: weights + row * stride, count: group * count)
    }
    for profile in 0..<count {
      for column in 0..<columns {
        unsafe weightColumns[profile * columns + column] =
          column < rows * group ? self.weights[column * count + profile] : 0
      }
    }
  }

  /// The biases of the first `tokens` keys from `first` on, which are of one page: those of query row `r` begin at
  /// `r · pageTokens`. `nil` where all are zero.
  func page(first: Int, tokens: Int) -> UnsafePointer<Float>? {
    let (distances, count) = (profiles.distances, profiles.count)
    // Of the first row keys are the nearest.
    guard position - (first + tokens - 1) < distances else { return nil }
    unsafe profiles.values.withUnsafeBufferPointer { values in
      guard let values = values.baseAddress else { return }
      for row in 0..<rows {
        let own = position + row
        let target = unsafe biases + row * group * pageTokens
        // The keys that are near enough, and not behind the row.
        let start = min(tokens, max(0, own + 1 - distances - first))
        let end = max(start, min(tokens, own + 1 - first))
        for member in 0..<group {
          let line = unsafe target + member * pageTokens
          unsafe line.update(repeating: 0, count: start)
          unsafe (line + end).update(repeating: 0, count: tokens - end)
        }
        guard start < end else { continue }
        unsafe ck_gemm(
          target + start, pageTokens, weights + row * group * count, count, 1,
          values + distances - 1 - own + first + start, distances, group, end - start, count, 0)
      }
    }
    return unsafe UnsafePointer(biases)
  }

  /// Adds the biases of `keys` keys from `first` on to their scores, `[keys × columns]`.
  func add(to scores: UnsafeMutablePointer<Float>, first: Int, keys: Int) {
    let distances = profiles.distances
    // A key and a row meet at this place of a profile, with the key's number and less the row's.
    let place = distances - 1 - position + first
    let (lower, upper) = (max(0, place - (rows - 1)), min(distances, place + keys))
    guard lower < upper else { return }
    unsafe profiles.values.withUnsafeBufferPointer { values in
      guard let values = values.baseAddress else { return }
      unsafe ck_gemm(
        biases, columns, values + lower, 1, distances, weightColumns, columns, upper - lower, columns, profiles.count,
        0)
    }
    for row in 0..<rows {
      let (start, end) = (max(0, lower - place + row), min(keys, upper - place + row))
      guard start < end else { continue }
      for key in start..<end {
        let from = unsafe biases + (place + key - row - lower) * columns + row * group
        let to = unsafe scores + key * columns + row * group
        for member in 0..<group { unsafe to[member] += from[member] }
      }
    }
  }
}
