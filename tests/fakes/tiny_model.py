"""Makes a language model of random weights, for the Python that has transformers:
tiny_model.py FOLDER [TEMPLATE]. It says nothing sensible, and the same every time."""

import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

END = "<|end|>"


def tokenizer(template):
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found = Tokenizer(models.BPE())
    found.pre_tokenizer, found.decoder = bytewise, decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[END, "<|im_start|>", "<|im_end|>"],
        initial_alphabet=bytewise.alphabet(),
        show_progress=False,
    )
    found.train_from_iterator(["the cat sat on the mat"], trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=found, eos_token=END, pad_token=END)
    made.chat_template = template
    return made


def main(folder, template=None):
    torch.manual_seed(1)
    words = tokenizer(template)
    config = Qwen2Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        eos_token_id=words.eos_token_id,
    )
    words.save_pretrained(folder)
    Qwen2ForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
