// Activations that go from one stage of a model to the next, and from the last one to rank 0.

extension Step {
  /// `true` where the model's first layers are computed.
  package var isFirstStage: Bool { grid?.previous == nil }

  /// `true` where the model's last layers are computed.
  package var isLastStage: Bool { grid?.next == nil }
}

/// Fills rows with those of the stage before.
///
/// - Precondition: the step has one.
package func receiveStream(_ rows: inout MutableRows, _ step: borrowing Step) {
  guard let rank = step.grid?.previous else { preconditionFailure("rows of the stage before the first") }
  receive(&rows, from: rank, step)
}

/// Gives rows to the next stage.
///
/// - Precondition: the step has one.
package func sendStream(_ rows: Rows, _ step: borrowing Step) {
  guard let rank = step.grid?.next else { preconditionFailure("rows for the stage behind the last") }
  send(rows, to: rank, step)
}

/// Moves rows that the last stage has computed to rank 0. Does nothing on other ranks, and where there is one stage.
package func bringToFirstStage(_ rows: inout MutableRows, _ step: borrowing Step) {
  guard let grid = step.grid, grid.stages > 1, rows.count > 0 else { return }
  if grid.job.rank == grid.head { send(rows.rows, to: 0, step) }
  if grid.job.rank == 0 { receive(&rows, from: grid.head, step) }
}

private func send(_ rows: Rows, to rank: Int, _ step: borrowing Step) {
  let (count, columns) = (rows.count, rows.columns)
  step.scoped {
    let packed = unsafe step.scratch.take(count * columns, of: Float.self)
    unsafe forEachRow(count, step) { row in
      unsafe (packed + row * columns).update(from: rows.base + row * rows.stride, count: columns)
    }
    let bytes = unsafe UnsafeRawBufferPointer(start: packed, count: count * columns * MemoryLayout<Float>.stride)
    exchange([unsafe OutgoingMessage(to: rank, bytes)], [], step)
  }
}

private func receive(_ rows: inout MutableRows, from rank: Int, _ step: borrowing Step) {
  let (count, columns) = (rows.count, rows.columns)
  step.scoped {
    let packed = unsafe step.scratch.take(count * columns, of: Float.self)
    let bytes = unsafe UnsafeMutableRawBufferPointer(start: packed, count: count * columns * MemoryLayout<Float>.stride)
    exchange([], [unsafe IncomingMessage(from: rank, bytes)], step)
    unsafe forEachRow(count, step) { row in
      unsafe (rows.base + row * rows.stride).update(from: packed + row * columns, count: columns)
    }
  }
}

/// Sends and receives activations. Where a rank is lost, so is the step, and all ranks end.
private func exchange(_ sending: [OutgoingMessage], _ receiving: [IncomingMessage], _ step: borrowing Step) {
  guard let job = step.grid?.job else { preconditionFailure("a stage of a model in a step without other ranks") }
  do { try job.exchange(sending: sending, receiving: receiving, within: job.patience) } catch { job.abort(error) }
}
