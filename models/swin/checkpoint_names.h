// Weights of other implementations of Swin, V2 and V1, under the names of this one, which are timm's.
//
//   timm                   Microsoft                torchvision        Hugging Face
//   patch_embed.proj.*     same                     features.0.0.*     embeddings.patch_embeddings.projection.*
//   patch_embed.norm.*     same                     features.0.2.*     embeddings.norm.*
//   absolute_pos_embed     same, [1, H W, C]        -                  -
//   layers.i.downsample.*  layers.i-1.downsample.*  features.2i.*      encoder.layers.i-1.downsample.*
//   layers.i.blocks.j.*    same                     features.2i+1.j.*  encoder.layers.i.blocks.j.*
//    attn.qkv.weight       same                     same               attention.self.{query,key,value}.weight
//    attn.{q,v}_bias (V2)  same                     attn.qkv.bias      attention.self.{query,value}.bias
//    attn.qkv.bias (V1)    same                     same               attention.self.{query,key,value}.bias
//    attn.cpb_mlp.*        same, once rpe_mlp       same               attention.self.continuous_position_bias_mlp.*
//    attn.proj.*           same                     same               attention.output.dense.*
//    other attn.*          same                     same               attention.self.*
//    norm1.*               same                     same               layernorm_before.*
//    norm2.*               same                     same               layernorm_after.*
//    mlp.fc1.*             same                     mlp.0.*            intermediate.dense.*
//    mlp.fc2.*             same                     mlp.3.*            output.dense.*
//   norm.*                 same                     same               layernorm.*
//   head.fc.*              head.*                   head.*             classifier.*
//
// Hugging Face's names begin "swinv2." or "swin.", but for the last. In memory transformers 5 has others than in files,
// such as attention.{q,k,v,o}_proj: they are known too.
//
// Source: the four implementations' state dictionaries: timm 1.0.31, torchvision 0.29, transformers 5.23 (as its
// save_pretrained writes them), and Microsoft's repository.
#pragma once

#include "core/io/stored_tensors.h"

#include <map>
#include <string>
#include <string_view>

namespace swingrad {

enum class NamesOf : uint8_t { timm, microsoft, torchvision, hugging_face };
std::string_view name_of(NamesOf names);  // "torchvision"

struct TimmNamed {
    NamesOf given = NamesOf::timm;  // whose names the tensors had
    std::map<std::string, StoredTensor> tensors;
};

// Whose names they are is seen by how the weight of the patch embedding is called:
//   features.0.0.weight                                torchvision
//   embeddings.patch_embeddings.projection.weight      Hugging Face
//   patch_embed.proj.weight                            Microsoft where there is a layers.0.downsample, for there it
//                                                      ends a stage (also timm before 0.9); else timm. A network of one
//                                                      stage has none: there head.weight tells.
//   none of these                                      passes unchanged, as timm
// Whatever stands before that name, such as module. or model.backbone., says what the model was part of, and is cut off
// all names; where the head has less of it, what it has. Of several models in a file, one with nothing before its names
// is meant.
//
// Dropped is bookkeeping. In torchvision's V2, told by its logit_scale, also the third of qkv.bias for the keys, which
// it sets to 0 in use. All other tensors that have no other name keep theirs. Nothing is read.
//
// Throws an Error that begins with `heading` where tensors cannot be joined or cut, or two would have one name.
TimmNamed to_timm_names(std::map<std::string, StoredTensor> tensors, std::string_view heading);

// Whether a tensor of this name is no weight: a buffer that follows from the configuration (relative_position_index,
// relative_coords_table, attn_mask, k_bias), a counter (num_batches_tracked, n_averaged, ...), or an optimiser's.
bool is_bookkeeping(std::string_view name);

}  // namespace swingrad
