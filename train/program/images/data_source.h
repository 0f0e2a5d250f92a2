// What a --data argument names, and how it is read:
//
//   shapes        pictures drawn by the program, ten classes (train/data/shapes/shapes.h): the newest version of them;
//                 shapes:1 and shapes:2 are one version; shapes:2-further has five further kinds in place of the ten
//   cifar10:DIR   the binary version: DIR, or DIR/cifar-10-batches-bin, holds data_batch_1.bin and so on
//   cifar100:DIR  the binary version: DIR, or DIR/cifar-100-binary, holds train.bin and test.bin; fine labels
//   folder:DIR    DIR/train/<class>/*, JPEG or PNG, and likewise DIR/test, DIR/val, or both
//
// To add one: a reader (train/data/sources.h, train/program/images/folder.h) and its line in data_source.cpp.
#pragma once

#include "train/data/batch.h"
#include "train/data/sources.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace swingrad {

struct DataSource {
    std::string kind;                 // what stands before the colon
    std::filesystem::path directory;  // empty for shapes
    int64_t version = 0;              // of shapes
    ShapeKinds kinds = ShapeKinds::ten;
};

// Throws an Error with the text and what is possible. Looks at no file.
DataSource parse_data_source(const std::string& text);

// What becomes of pictures that have not the size asked for: `ram`, decoded once and kept; `none`, decoded whenever a
// batch needs them; `automatic`, kept where they take no more than half of the memory that is free.
enum class Cache { automatic, ram, none };
Cache cache_named(const std::string& name);  // "auto", "ram", "none"

struct LoadOptions {
    Extent extent{32, 32};     // shapes are drawn at it; files must have it
    bool ignore_exif = false;  // pictures as they lie in their files, whichever side these say is up
    // Called with each file of a folder that is no picture or a damaged one, and why: it is left out. Empty: an Error.
    std::function<void(const std::string& problem)> left_out = {};
    // Labels of a folder's classes are their places among these, those of the model; empty: among the folder's own.
    std::vector<std::string> classes = {};
    // Whether files may have any size: those of another are Dataset::pictures.
    bool any_size = false;
    Cache cache = Cache::automatic;  // with any_size
    // Whether each image is to have a mask (train/program/images/mask_folder.h): with any_size.
    bool masks = false;
};

// The text that means the same in later versions of this library: "shapes:2" for "shapes". What a run records.
std::string lasting_source(const std::string& text);

// Whether there is such a split: all sources have images to train on and to test, but a folder may have either or
// images for validation.
bool has_split(const DataSource& source, Split split);
// What a model is judged on: test images, or where there are none, those for validation. Throws an Error without both.
Split split_to_judge(const DataSource& source);

// One split, so that training need not read the test set before its end, and a test no training set. Throws an Error
// that names the file, and where in it, for anything that is missing, damaged or of another size.
Dataset load_dataset(const DataSource& source, Split split, const LoadOptions& options = {});

// Throws an Error where files that a split must have are not there: before the hours that come before they are read.
void require_files(const DataSource& source, Split split);

// What to train on, and what to validate on: a folder's `val` where it is to be used, or else a random share of the
// training images. A share of 0: nothing to validate on. Throws an Error where that share is of no image.
struct TrainingImages {
    Dataset training, validation;
};
TrainingImages load_to_train(const DataSource& source, bool use_val, double share, Random random,
                             const LoadOptions& options);

// For LoadOptions::left_out: each problem is a line on standard error, and counted in `files`, which must outlive it.
std::function<void(const std::string&)> listing_left_out(int64_t& files);
std::string text_of_left_out(int64_t files);  // ", 3 files left out"; empty where none was

// The classes of a source in label order, without reading any image.
std::vector<std::string> class_names(const DataSource& source);

// How classes have changed, in words: `no longer a class "cat", a new class "kitten"`; empty where they have not.
std::string difference_of_classes(const std::vector<std::string>& before, const std::vector<std::string>& now);

}  // namespace swingrad
