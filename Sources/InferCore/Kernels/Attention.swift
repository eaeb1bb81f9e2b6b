internal import CKernels

/// Writes the step's new keys and values into the pages of their sequences.
///
/// - Parameters:
///   - keys: `[step rows × heads · headDimension]`, after rotation.
///   - values: the same shape.
package func appendToCache(
  keys: Rows, values: Rows, heads: Int, headDimension: Int, cache: StateHandle, _ step: borrowing Step
) {
  let store = step.store
  let layout = PageLayout(headDimension: headDimension, pageTokens: store.pageTokens, type: store.kvType)
  let pack = unsafe layout.pack
  for run in step.plan.runs {
    forEachRow(run.tokens.count, step) { index in
      let position = run.position + index
      let block = step.plan.blocks[run.blocks.lowerBound + position / store.pageTokens]
      let page = unsafe store.page(block, of: cache)
      let row = run.tokens.lowerBound + index
      for head in 0..<heads {
        let key = unsafe page + layout.key(head: head, token: position % store.pageTokens)
        unsafe pack(key, keys.base + row * keys.stride + head * headDimension, headDimension)
        let value = unsafe page + layout.value(head: head, token: position % store.pageTokens)
        unsafe pack(value, values.base + row * values.stride + head * headDimension, headDimension)
      }
    }
  }
}

/// Causal attention of every row over its sequence's pages, which hold the row's own key and value already.
///
/// Scores of a block of keys are folded into a running maximum, sum and weighted value (online softmax: Milakov &
/// Gimelshein 2018, arXiv 1805.02867), so that memory does not grow with the context. All query heads that share a
/// key head are computed together and read the cache once.
///
/// - Parameters:
///   - queries: `[step rows × queryHeads · headDimension]`.
///   - out: the same shape, overwritten.
package func attend(
  queries: Rows, queryHeads: Int, heads: Int, headDimension: Int, scale: Float, cache: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(queryHeads % heads == 0, "\(queryHeads) query heads for \(heads) key heads")
  precondition(queries.columns == queryHeads * headDimension && out.columns == queries.columns, "\(queries.columns)")
  for run in step.plan.runs {
    step.report.work.addAttention(
      rows: run.tokens.count, keys: run.position + run.tokens.count, queryWidth: queries.columns,
      cacheBytesPerToken: 2 * heads * step.store.kvType.bytes(headDimension))
  }
  let group = queryHeads / heads
  let shape = AttentionShape(
    group: group, headDimension: headDimension, scale: scale,
    pages: PageLayout(headDimension: headDimension, pageTokens: step.store.pageTokens, type: step.store.kvType))
  step.scoped {
    let workspace = step.take(rows: step.team.count, columns: shape.workspaceCount)
    let plan = AttentionPlan(step.plan.runs, shape, step)
    let parts = unsafe step.scratch.take(
      heads * AttentionSums.storedCount(rows: plan.partRows, headDimension: headDimension), of: Float.self)
    step.team.forEach(plan.count * heads) { index, worker in
      // Later rows have more keys: begin with them, so that the last item to end is a small one.
      let item = plan[plan.count - 1 - index / heads]
      let run = step.plan.runs[item.run]
      let head = index % heads
      let row = run.tokens.lowerBound + item.first
      let column = head * group * headDimension
      let sums = unsafe shape.attend(
        queries: queries.base + row * queries.stride + column, queryStride: queries.stride, rows: item.rows,
        position: run.position + item.first, keys: item.keys, head: head,
        page: { unsafe step.store.page(step.plan.blocks[run.blocks.lowerBound + $0], of: cache) },
        workspace: workspace.base + worker * workspace.stride)
      if item.parts > 1 {
        unsafe sums.copy(rows: item.rows * group, to: shape.part(of: item, head: head, heads: heads, in: parts))
      } else {
        unsafe shape.write(sums, rows: item.rows, to: out.base + row * out.stride + column, stride: out.stride)
      }
    }
    guard plan.partRows > 0 else { return }
    step.team.forEach(plan.count * heads) { index, _ in
      let (item, head) = (plan[index / heads], index % heads)
      // The first part of a run puts all of them together.
      guard item.parts > 1, item.keys.lowerBound == 0 else { return }
      let sums = unsafe shape.part(of: item, head: head, heads: heads, in: parts)
      for next in index / heads + 1..<index / heads + item.parts {
        let other = unsafe shape.part(of: plan[next], head: head, heads: heads, in: parts)
        for row in 0..<item.rows * group { unsafe sums.add(other, row: row) }
      }
      let row = step.plan.runs[item.run].tokens.lowerBound + item.first
      unsafe shape.write(
        sums, rows: item.rows, to: out.base + row * out.stride + head * group * headDimension, stride: out.stride)
    }
  }
}

/// Where keys and values lie in a page: for each head, all keys and then all values.
struct PageLayout {
  let headDimension: Int
  let pageTokens: Int
  let type: KVType

  func key(head: Int, token: Int) -> Int { (head * 2 * pageTokens + token) * type.bytes(headDimension) }
  func value(head: Int, token: Int) -> Int { ((head * 2 + 1) * pageTokens + token) * type.bytes(headDimension) }

  /// Rounds a head's numbers to the cache's format.
  var pack: (UnsafeMutableRawPointer?, UnsafePointer<Float>?, Int) -> Void {
    switch type {
    case .f32: unsafe ck_pack_f32
    case .f16: unsafe ck_pack_f16
    case .q8_0: unsafe ck_quantize_q8_0
    }
  }

  /// The inverse, of any number of heads.
  func unpack(_ out: UnsafeMutablePointer<Float>, _ values: UnsafeRawPointer, _ count: Int) {
    switch type {
    case .f32: unsafe ck_unpack_f32(out, values, count)
    case .f16: unsafe ck_unpack_f16(out, values, count)
    case .q8_0: unsafe ck_unpack_q8_0(out, values, count)
    }
  }

  /// See `ck_attend_f16`.
  var attend:
    (
      UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, UnsafeRawPointer?,
      UnsafeRawPointer?, UnsafeRawPointer?, Int, Int, Int, Int, Int
    ) -> Void
  {
    switch type {
    case .f32: unsafe ck_attend_f32
    case .f16: unsafe ck_attend_f16
    case .q8_0: unsafe ck_attend_q8_0
    }
  }
}
