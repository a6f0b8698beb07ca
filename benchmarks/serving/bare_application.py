"""What the reference image is measured against: the same model in the plainest flask application there is."""

import io
from pathlib import Path

import numpy as np
from flask import Flask, Response, jsonify, request
from PIL import Image

from container.cifar10 import model

application = Flask("bare")
classifier = model.load(Path("/opt/ml/model"))


@application.get("/ping")
def ping() -> Response:
    return Response()


@application.post("/invocations")
def invocations() -> Response:
    pixels = np.asarray(Image.open(io.BytesIO(request.get_data())).convert("RGB"))
    probabilities = classifier.predict(pixels.transpose(2, 0, 1)[np.newaxis])[0].tolist()
    return jsonify(predictions=[dict(zip(classifier.description.classes, probabilities, strict=True))])
