"""Tiny networks of transformers with random weights, of the classes and in the layout of those on the Hub."""

import functools
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    BartConfig,
    BertConfig,
    CLIPImageProcessor,
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    EomtConfig,
    EomtForUniversalSegmentation,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    Florence2VisionConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    PreTrainedTokenizerFast,
    Sam2Config,
    Sam2HieraDetConfig,
    Sam2MaskDecoderConfig,
    Sam2Model,
    Sam2PromptEncoderConfig,
    Sam2VisionConfig,
    SiglipConfig,
    SiglipModel,
    SwinConfig,
)

from tests.core.tiny_pipelines import BYTES, root

LAYERS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
WORDS = [
    "<pad>",
    "<unk>",
    "this",
    "is",
    "a",
    "photo",
    "of",
    ".",
    "red",
    "green",
    "blue",
    "dog",
    "cat",
    "none",
]


def save(name: str, network: torch.nn.Module, *processors) -> Path:
    """Save a network and its processors."""
    folder = root() / name
    for part in (network.eval(), *processors):
        part.save_pretrained(folder)
    return folder


@functools.cache
def siglip() -> Path:
    """Save SigLIP 2 with a vocabulary of a few words."""
    torch.manual_seed(0)
    layers = {**LAYERS, "intermediate_size": 24}
    config = SiglipConfig(
        text_config={**layers, "vocab_size": 16, "max_position_embeddings": 9, "projection_size": 16},
        vision_config={**layers, "image_size": 32, "patch_size": 8},
    )
    network = SiglipModel(config)
    network.logit_bias.data.fill_(-10.0)
    network.logit_scale.data.fill_(2.0)
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    return save("siglip", network, fast)


@functools.cache
def dinov2(classes: int = 1000) -> Path:
    """Save DINOv2 with its linear head."""
    torch.manual_seed(0)
    config = Dinov2Config(**LAYERS, image_size=28, patch_size=14, num_labels=classes)
    network = Dinov2ForImageClassification(config)
    torch.nn.init.normal_(network.classifier.weight)  # zeros at the beginning of a training
    return save(f"dinov2-{classes}", network)


@functools.cache
def eomt(classes: int = 150) -> Path:
    """Save EoMT for semantic segmentation."""
    torch.manual_seed(0)
    config = EomtConfig(
        **LAYERS, image_size=32, patch_size=8, num_queries=6, num_blocks=1, num_labels=classes, mlp_ratio=2
    )
    network = EomtForUniversalSegmentation(config)
    torch.nn.init.normal_(network.class_predictor.weight)
    return save(f"eomt-{classes}", network)


@functools.cache
def sam2() -> Path:
    """Save SAM 2."""
    torch.manual_seed(0)
    backbone = Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        image_size=[128, 128],
        patch_kernel_size=[7, 7],
        patch_stride=[4, 4],
        patch_padding=[3, 3],
        query_stride=[2, 2],
        window_positional_embedding_background_size=[7, 7],
        num_query_pool_stages=3,
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[4, 2, 4, 2],
        global_attention_blocks=[3],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[96, 48, 24, 12],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=32,
    )
    prompts = Sam2PromptEncoderConfig(hidden_size=32, image_size=128, patch_size=16, mask_input_channels=16)
    decoder = Sam2MaskDecoderConfig(
        hidden_size=32,
        mlp_dim=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        iou_head_depth=2,
        iou_head_hidden_dim=16,
    )
    return save(
        "sam2",
        Sam2Model(
            Sam2Config(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
        ),
    )


@functools.cache
def grounding_dino() -> Path:
    """Save Grounding DINO with a vocabulary of a few words."""
    torch.manual_seed(0)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=7,
            out_features=["stage2", "stage3", "stage4"],
            out_indices=[2, 3, 4],
        ),
        text_config=BertConfig(vocab_size=1030, **LAYERS, intermediate_size=16),
        d_model=32,
        num_queries=9,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_text_len=16,
    )
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    return save("grounding-dino", GroundingDinoForObjectDetection(config), fast)


@functools.cache
def florence() -> Path:
    """Save Florence-2 with a vocabulary of bytes."""
    torch.manual_seed(0)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<image>"]
    vocabulary = {token: number for number, token in enumerate([*special, *BYTES])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )
    images = CLIPImageProcessor(size={"height": 64, "width": 64}, crop_size={"height": 64, "width": 64})
    images.image_seq_length = 5
    text = BartConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=300,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_eos_token_id=2,
    )
    vision = Florence2VisionConfig(
        depths=(1, 1, 1, 1),
        embed_dim=(8, 8, 8, 8),
        num_heads=(1, 1, 1, 1),
        num_groups=(1, 1, 1, 1),
        window_size=2,
        projection_dim=16,
    )
    config = Florence2Config(text_config=text, vision_config=vision, image_token_id=vocabulary["<image>"])
    network = Florence2ForConditionalGeneration(config)
    return save("florence", network, Florence2Processor(image_processor=images, tokenizer=fast))


@functools.cache
def dinov2_with_registers() -> Path:
    """Save DINOv2 with registers, without a head."""
    torch.manual_seed(0)
    config = Dinov2WithRegistersConfig(**LAYERS, image_size=28, patch_size=14, num_register_tokens=4)
    return save("dinov2-registers", Dinov2WithRegistersModel(config))
