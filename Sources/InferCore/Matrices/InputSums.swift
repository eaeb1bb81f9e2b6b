internal import CKernels

/// The sums of the squares of what a model's matrices are multiplied with, column by column, and the numbers of rows: what
/// an importance matrix is made of.
///
/// A loader tells it which matrices are made of which tensor; products add their rows where a step's report has it. Sums of a
/// step are in single precision, all of them together in double precision.
package final class InputSums: Sendable {
  /// The sums of one tensor.
  package struct Tensor: Sendable {
    /// The tensor's name.
    package let name: String
    /// For each of the tensor's matrices, of which experts have several, the sum of the squares of each column.
    package let sums: [[Double]]
    /// For each of them, the number of rows.
    package let counts: [Int]
  }

  /// One matrix in memory.
  fileprivate struct Account {
    let tensor: Int
    let place: Int
    var sums: [Double]
    var count = 0
  }

  fileprivate struct State {
    var names: [String] = []
    var accounts: [Account] = []
    /// Accounts by the addresses of matrices.
    var places: [UInt: Int] = [:]
    var sums: [Float] = []
    var squares: [Float] = []
  }

  private let state = Monitor(State())

  /// No matrices.
  package init() {}

  /// Has the rows added up that matrices of a tensor are multiplied with.
  ///
  /// - Parameters:
  ///   - matrices: the matrices; of several with one place, which share their input or have different rows of it, the one
  ///     counts that sees most.
  ///   - name: the tensor's name.
  ///   - places: the number of each matrix within the tensor.
  func watch(_ matrices: [PackedMatrix], of name: String, places: [Int]) {
    state.withLock { state in
      let tensor = state.names.count
      state.names.append(name)
      for (matrix, place) in zip(matrices, places) where matrix.count > 0 {
        state.places[matrix.address] = state.accounts.count
        state.accounts.append(
          Account(tensor: tensor, place: place, sums: Array(repeating: 0, count: matrix.columns)))
      }
    }
  }

  /// Adds rows that matrices were multiplied with.
  func add(_ x: Rows, _ matrices: [PackedMatrix]) {
    guard x.count > 0 else { return }
    state.withLock { state in
      var isSummed = false
      for matrix in matrices {
        guard let account = state.places[matrix.address] else { continue }
        if !isSummed {
          state.add(x)
          isSummed = true
        }
        for column in 0..<x.columns { state.accounts[account].sums[column] += Double(state.sums[column]) }
        state.accounts[account].count += x.count
      }
    }
  }

  /// The sums of all tensors that were multiplied with, by name.
  package var tensors: [Tensor] {
    state.withLock { state in
      var best: [Int: [Int: Int]] = [:]
      for (index, account) in state.accounts.enumerated() {
        let other = best[account.tensor]?[account.place]
        if let other, state.accounts[other].count >= account.count { continue }
        best[account.tensor, default: [:]][account.place] = index
      }
      return best.compactMap { tensor, places -> Tensor? in
        let count = (places.keys.max() ?? -1) + 1
        let columns = places.values.first.map { state.accounts[$0].sums.count } ?? 0
        let chosen = (0..<count).map { places[$0].map { state.accounts[$0] } }
        guard chosen.contains(where: { $0.map { $0.count > 0 } ?? false }),
          chosen.allSatisfy({ $0.map { $0.sums.count == columns } ?? true })
        else { return nil }
        return Tensor(
          name: state.names[tensor],
          sums: chosen.map { $0?.sums ?? Array(repeating: 0, count: columns) }, counts: chosen.map { $0?.count ?? 0 })
      }.sorted { $0.name < $1.name }
    }
  }
}

extension InputSums.State {
  /// Makes ``sums`` those of rows.
  fileprivate mutating func add(_ x: Rows) {
    sums = Array(repeating: 0, count: x.columns)
    squares = sums
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      unsafe squares.withUnsafeMutableBufferPointer { squares in
        for row in 0..<x.count {
          let values = unsafe x.base + row * x.stride
          unsafe ck_product(squares.baseAddress, values, values, x.columns)
          unsafe ck_add_scaled(sums.baseAddress, squares.baseAddress, 1, x.columns)
        }
      }
    }
  }
}

extension PackedMatrix {
  /// The place in memory of its weights.
  fileprivate var address: UInt { rows == 0 ? 0 : unsafe UInt(bitPattern: panels.panel(0)) }
}
