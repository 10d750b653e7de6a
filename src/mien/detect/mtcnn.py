"""The three-stage cascade MTCNN, run with onnxruntime."""

from dataclasses import dataclass
from math import sqrt
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect.boxes import Boxes, calibrate, clip, square, suppress
from mien.results import Box, Detection, Landmarks

K = dict(
    p_thr=0.6, r_thr=0.7, o_thr=0.7, nms1=0.5, nms2=0.7, nms_r=0.7, nms_o=0.7, factor=0.709, min_face=20.0, rel=28.0,
    work=1.25e6, filt="BILINEAR", peak=False, regress_first=False, cap=1000, r_cap=1000,
)
WINDOW, STRIDE = 12, 2

class Mtcnn:
    def __init__(self, *, threads=None, **kw):
        import onnxruntime as ort
        self.k = type("K", (), {**K, **kw})
        o = ort.SessionOptions(); o.intra_op_num_threads = threads or 0; o.inter_op_num_threads = 1
        o.log_severity_level = 3
        load = lambda n: ort.InferenceSession(files("mien.models").joinpath(f"mtcnn-{n}.onnx").read_bytes(), o, providers=["CPUExecutionProvider"])
        self.p, self.r, self.o = map(load, ("pnet", "rnet", "onet"))

    def __call__(self, image):
        h, w = image.shape[:2]
        work = self.work(image)
        levels = self.pyramid(work)
        b = self.propose(work, levels)
        b = self.refine(work, b)
        b, s, lm = self.output(work, b)
        scale = np.array([w / work.shape[1], h / work.shape[0]])
        b = b * np.tile(scale, 2); lm = lm * scale
        b = clip(b, width=w, height=h)
        order = np.lexsort((b[:, 1], b[:, 0]))
        return tuple(Detection(Box(*b[i].tolist()), float(s[i]), Landmarks(*map(tuple, lm[i].tolist()))) for i in order)

    def work(self, image):
        h, w = image.shape[:2]
        if h * w <= self.k.work: return image
        s = sqrt(self.k.work / (h * w))
        return np.asarray(Image.fromarray(image).resize((max(1, round(w * s)), max(1, round(h * s))), Image.Resampling.BOX))

    def pyramid(self, image):
        h, w = image.shape[:2]
        k = self.k
        mf = max(k.min_face, sqrt(h * w) / k.rel)
        pic = Image.fromarray(image)
        scale = WINDOW / mf
        out = []
        while min(h, w) * scale >= WINDOW - .5:
            out.append(np.asarray(pic.resize((round(w * scale), round(h * scale)), getattr(Image.Resampling, k.filt))))
            scale *= k.factor
        return out

    def propose(self, image, levels):
        k = self.k
        B, S, O = [], [], []
        for l in levels:
            off, sc = self.p.run(None, {"image": l})
            sc = sc[0, 0]
            r, c = np.nonzero(sc > k.p_thr)
            s = sc[r, c]
            of = off[0, :, r, c].astype(float)
            rat = np.array([image.shape[1] / l.shape[1], image.shape[0] / l.shape[0]] * 2)
            x = np.stack([c, r], 1) * STRIDE
            b = np.hstack([x, x + WINDOW]) * rat
            if len(s) > k.cap:
                q = np.argsort(-s, kind="stable")[:k.cap]; b, s, of = b[q], s[q], of[q]
            if k.regress_first: b = calibrate(b, of)
            q = suppress(b, s, k.nms1)
            B.append(b[q]); S.append(s[q]); O.append(of[q])
        if not B: return np.zeros((0, 4))
        b, s, of = map(np.concatenate, (B, S, O))
        q = suppress(b, s, k.nms2)[:k.r_cap]
        b = b[q] if k.regress_first else calibrate(b[q], of[q])
        self.n1 = len(b)
        return square(b)

    def refine(self, image, boxes):
        k = self.k
        if not len(boxes): return boxes
        of, s = self.r.run(None, {"image": image, "boxes": boxes.astype(np.float32)})
        q = s[:, 0] > k.r_thr
        b, of, s = boxes[q], of[q], s[q, 0]
        b = calibrate(b, of)
        q = suppress(b, s, k.nms_r)
        self.n2 = len(q)
        return square(b[q])

    def output(self, image, boxes):
        k = self.k
        if not len(boxes): return boxes, np.zeros(0), np.zeros((0, 5, 2))
        of, lm, s = self.o.run(None, {"image": image, "boxes": boxes.astype(np.float32)})
        q = s[:, 0] > k.o_thr
        b, of, lm, s = boxes[q], of[q], lm[q], s[q, 0]
        size = b[:, 2:] - b[:, :2]
        lm = b[:, None, :2] + np.stack([lm[:, :5], lm[:, 5:]], 2) * size[:, None]
        b = calibrate(b, of)
        q = suppress(b, s, k.nms_o, "smaller")
        return b[q], s[q], lm[q]
