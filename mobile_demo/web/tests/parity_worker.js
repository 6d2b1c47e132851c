/** Worker of the parity test: faces and features of a photo, with every variant. */

import {Bundle, whyUnusable} from '../src/contract.js';
import {Embedder} from '../src/embedder.js';
import {featuresOf} from '../src/identity.js';
import {DetectorNetworks, loadRuntime, Network} from '../src/networks.js';
import {PhotoReader} from '../src/photos.js';
import {withShapes} from '../src/tflite_shape.js';

/** @type {Embedder[]} */
const embedders = [];
const reader = new PhotoReader();

/** @type {Record<string, (request: any) => Promise<unknown>>} */
const ANSWERS = {
  open: async ({bundleUrl}) => {
    await loadRuntime(new URL('wasm/', self.location.href).href, 'litert_wasm_internal');
    const bundle = await Bundle.open(bundleUrl);
    const {detector, variants, pixels} = bundle.contract;
    const {pnet, rnet, onet} = detector.files;
    const [p, r, o] = await Promise.all([pnet, rnet, onet].map((file) => bundle.content(file)));
    const networks = new DetectorNetworks({pnet: p, rnet: r, onet: o}, 1);
    const identities = [];
    for (const [name, record] of Object.entries(variants)) {
      if (whyUnusable({...record, thresholds: {'far_0.01': 0}})) continue;
      const content = withShapes(await bundle.content(record), [1, pixels.height, pixels.width, 3]);
      embedders.push(new Embedder(bundle.contract, name, networks, await Network.open(content, 1)));
      identities.push(await featuresOf(bundle.contract, name));
    }
    return identities;
  },
  faces: async ({bitmap}) => {
    const photo = reader.read(bitmap);
    const found = await embedders[0].findFaces(photo);
    const faces = [];
    for (const face of found) {
      const crop = embedders[0].cropFace(photo, face);
      /** @type {Record<string, number[]>} */
      const features = {};
      for (const embedder of embedders) {
        features[embedder.variant] = Array.from(await embedder.embedCrop(crop));
      }
      faces.push({...face, features});
    }
    return faces;
  },
};

self.addEventListener('message', async ({data: {id, type, ...request}}) => {
  try {
    self.postMessage({id, ok: true, result: await ANSWERS[type](request)});
  } catch (error) {
    self.postMessage({id, ok: false, error: {code: 'internal', message: String(error)}});
  }
});
