"""Tiny diffusion pipelines with random weights, of the classes and in the layout of those on the Hub."""

import functools
import os
import tempfile
from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    ControlNetModel,
    EulerAncestralDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    PNDMScheduler,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from huggingface_hub import constants
from tokenizers import pre_tokenizers
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Qwen2TokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.utils import logging

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LAYERS = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
IN_HALF = "fp16"


@functools.cache
def root() -> Path:
    """Return the folder of all tiny pipelines, which the process keeps until its end."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    root.folder = tempfile.TemporaryDirectory()
    return Path(root.folder.name)


@functools.cache
def flux2_klein() -> Path:
    """Save FLUX.2 klein; its pipeline reads layers 9, 18 and 27 of the text network."""
    torch.manual_seed(0)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: number for number, token in enumerate([*BYTES, *special])}
    tokenizer = Qwen2TokenizerFast(
        vocab=vocabulary, merges=[], unk_token=special[0], pad_token=special[0], eos_token=special[2]
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    text = Qwen3Config(
        **LAYERS | {"num_hidden_layers": 28},
        vocab_size=len(vocabulary),
        num_key_value_heads=1,
        head_dim=4,
        tie_word_embeddings=True,
        max_position_embeddings=1024,
    )
    return save(
        "flux2",
        Flux2KleinPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
            vae=AutoencoderKLFlux2(
                block_out_channels=(4, 4, 4, 4), layers_per_block=1, latent_channels=4, norm_num_groups=2
            ),
            text_encoder=Qwen3ForCausalLM(text),
            tokenizer=tokenizer,
            transformer=Flux2Transformer2DModel(
                in_channels=16,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=1,
                joint_attention_dim=24,
                timestep_guidance_channels=16,
                axes_dims_rope=(4, 4, 4, 4),
                guidance_embeds=False,
            ),
            is_distilled=True,
        ),
    )


@functools.cache
def instruct_pix2pix() -> Path:
    """Save InstructPix2Pix."""
    components = stable_diffusion(channels=8)
    scheduler = EulerAncestralDiscreteScheduler()
    return save("pix2pix", StableDiffusionInstructPix2PixPipeline(**components, scheduler=scheduler))


@functools.cache
def base() -> Path:
    """Save Stable Diffusion, its weights under the names of the half-precision variant."""
    return save(
        "base",
        StableDiffusionPipeline(
            **stable_diffusion(channels=4),
            scheduler=PNDMScheduler(skip_prk_steps=True, steps_offset=1, beta_schedule="scaled_linear"),
        ),
        variant=IN_HALF,
    )


@functools.cache
def controlnet() -> Path:
    """Save a ControlNet for `base`."""
    torch.manual_seed(1)
    network = ControlNetModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=4,
        norm_num_groups=2,
        conditioning_embedding_out_channels=(2, 2, 2, 2),
    )
    for parameter in network.parameters():  # its zero convolutions would hide the map
        torch.nn.init.normal_(parameter, std=0.2)
    return save("controlnet", network)


def stable_diffusion(channels: int) -> dict:
    """Return the components of Stable Diffusion but its scheduler."""
    torch.manual_seed(0)
    tokens = [*BYTES, *(f"{byte}</w>" for byte in BYTES), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    last = len(vocabulary) - 1
    checker = CLIPConfig(
        text_config={**LAYERS, "vocab_size": 10, "bos_token_id": 8, "eos_token_id": 9},
        vision_config={**LAYERS, "image_size": 16, "patch_size": 8},
        projection_dim=8,
    )
    text = CLIPTextConfig(**LAYERS, vocab_size=last + 1, bos_token_id=last - 1, eos_token_id=last)
    blocks = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
    return {
        "unet": UNet2DConditionModel(
            in_channels=channels,
            block_out_channels=(4, 8),
            layers_per_block=1,
            down_block_types=blocks[0],
            up_block_types=blocks[1],
            cross_attention_dim=8,
            attention_head_dim=4,
            norm_num_groups=2,
        ),
        "vae": AutoencoderKL(
            block_out_channels=(4, 4, 4, 4),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            norm_num_groups=2,
        ),
        "text_encoder": CLIPTextModel(text),
        "tokenizer": CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77),
        "safety_checker": StableDiffusionSafetyChecker(checker),
        "feature_extractor": CLIPImageProcessor(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        ),
    }


def save(name: str, saved, **settings) -> Path:
    """Save a pipeline or a network in the layout of the Hub."""
    folder = root() / name
    saved.save_pretrained(folder, **settings)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of all files of a folder, by path."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def use_hub(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path) -> None:
    """Use a local Hub and an empty cache, without the proxies of the developer."""
    for variable in [*os.environ]:
        if variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Run on one thread: several lose more time by waiting for each other than tiny networks take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
