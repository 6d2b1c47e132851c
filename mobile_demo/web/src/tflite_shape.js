/**
 * Shapes of a TFLite file's inputs and outputs, fixed in its flatbuffer.
 *
 * LiteRT.js has no way to resize an input: it refuses to run a file whose batch or size
 * is open. All numbers are changed in place, in a copy.
 */

// Places of the fields in their tables (TFLite's schema, version 3).
const MODEL = {subgraphs: 2};
const SUBGRAPH = {tensors: 0, inputs: 1, outputs: 2};
const TENSOR = {shape: 0, signature: 7};

/**
 * A copy of a file of one input whose open sides have fixed lengths.
 * @param {Uint8Array} content
 * @param {number[]} input Shape of the input.
 * @param {number[]} places Shape of all outputs without their last side.
 * @returns {Uint8Array}
 */
export function withShapes(content, input, places) {
  const copy = content.slice();
  const view = new DataView(copy.buffer);
  const model = view.getUint32(0, true);
  const [graph] = tables(view, vector(view, model, MODEL.subgraphs));
  const tensors = tables(view, vector(view, graph, SUBGRAPH.tensors));
  for (const index of numbers(view, vector(view, graph, SUBGRAPH.inputs))) {
    fix(view, tensors[index], input);
  }
  for (const index of numbers(view, vector(view, graph, SUBGRAPH.outputs))) {
    fix(view, tensors[index], places);
  }
  return copy;
}

/** @param {DataView} view @param {number} tensor @param {number[]} sides */
function fix(view, tensor, sides) {
  for (const field of [TENSOR.shape, TENSOR.signature]) {
    const start = vector(view, tensor, field);
    if (!start) continue; // without a signature the shape counts
    sides.forEach((side, index) => view.setInt32(start + 4 + 4 * index, side, true));
  }
}

/**
 * Place of a vector, at its length; 0 if the table lacks it.
 * @param {DataView} view @param {number} table @param {number} field
 */
function vector(view, table, field) {
  const fields = table - view.getInt32(table, true);
  const slot = 4 + 2 * field;
  const offset = slot < view.getUint16(fields, true) ? view.getUint16(fields + slot, true) : 0;
  return offset && table + offset + view.getUint32(table + offset, true);
}

/** @param {DataView} view @param {number} start */
function numbers(view, start) {
  const length = view.getUint32(start, true);
  return Array.from({length}, (_, index) => view.getInt32(start + 4 + 4 * index, true));
}

/** @param {DataView} view @param {number} start */
function tables(view, start) {
  return numbers(view, start).map((offset, index) => start + 4 + 4 * index + offset);
}
