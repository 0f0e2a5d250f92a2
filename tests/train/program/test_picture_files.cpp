// Folders of pictures of any size: what their headers say, whether they are kept, and whether they are still the same.

#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "tests/train/program/image_folder.h"
#include "train/program/images/contact_sheet.h"
#include "train/program/images/picture_files.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run.h"
#include "train/program/run/run_folder.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

// Two classes of pictures of several sizes, one of them cut off where it should be damaged.
struct Photos {
    TemporaryDirectory directory;
    const fs::path root = directory / "photos";

    Photos() {
        for (const std::string split : {"train", "test"})
            for (int i = 0; i < 6; ++i) {
                write_noise(root / split / "cat" / fmt::format("{}.png", i), {20 + 3 * i, 25, 3}, 3 + i);
                write_noise(root / split / "dog" / fmt::format("{}.png", i), {18, 30 + i, 3}, 40 + i);
            }
    }
    static void write_noise(const fs::path& path, const Shape& shape, int seed) {
        fs::create_directories(path.parent_path());
        Tensor image = Tensor::empty(shape, DType::uint8);
        for (int64_t i = 0; i < image.numel(); ++i)
            image.data<uint8_t>()[i] =
                static_cast<uint8_t>(Random{static_cast<uint64_t>(seed)}.below(static_cast<uint64_t>(i), 256));
        write_png(path, image);
    }
    void damage(const std::string& name) const {
        const std::string bytes = contents_of(root / name);
        write_file_plainly(root / name, bytes.substr(0, bytes.size() - 30));
    }
    Dataset load(Cache cache, const std::function<void(const std::string&)>& left_out = {}) const {
        return load_dataset({"folder", root}, Split::train,
                            {.extent = {16, 16}, .left_out = left_out, .any_size = true, .cache = cache});
    }
    SwinRecipe recipe(const std::string& cache) const {
        SwinRecipe recipe;
        recipe.data = "folder:" + root.string();
        recipe.img_size = 16;
        recipe.model_args = {{"embed_dim", 12}, {"depths", {1, 1}}, {"num_heads", {1, 2}}};
        recipe.batch_size = 3;
        recipe.epochs = 2;
        recipe.validation = 0.2;
        recipe.cache = cache;
        recipe.aa = "rand-m5-inc1";
        recipe.cutmix = 1;
        return recipe;
    }
};

}  // namespace

TEST_CASE("a header says the size that the picture has when it is read") {
    for (const auto& entry : fs::directory_iterator(fixtures() / "images")) {
        if (entry.path().filename() == "vast.png") continue;  // is refused
        CAPTURE(entry.path().string());
        const ImageHeader header = read_image_header(entry.path());
        const Tensor image = read_image(entry.path());
        CHECK(header.extent == Extent{image.shape()[0], image.shape()[1]});
        CHECK(header.bytes == fs::file_size(entry.path()));
    }
    CHECK(contains(error_of([] { read_image_header(fixtures() / "images/vast.png"); }), "are more than 2^28"));
    const TemporaryDirectory directory;
    write_file_plainly(directory / "a.jpg", "GIF89a and so on");
    CHECK(error_of([&] { read_image_header(directory / "a.jpg"); }) ==
          "[image] " + (directory / "a.jpg").string() +
              ": expected JPEG or PNG, got GIF, which \"mogrify -format png\" of ImageMagick converts");
    // A header behind more than is read at first: a comment of 60,000 bytes, twice.
    const std::string jpeg = contents_of(fixtures() / "images/colour.jpg");
    const std::string comment = std::string("\xff\xfe\xea\x62", 4) + std::string(60000, 'x');
    write_file_plainly(directory / "long.jpg", jpeg.substr(0, 2) + comment + comment + jpeg.substr(2));
    const Tensor image = read_image(directory / "long.jpg");
    CHECK(read_image_header(directory / "long.jpg").extent == Extent{image.shape()[0], image.shape()[1]});
}

TEST_CASE("pictures of any size are kept or read anew, and are the same") {
    const Photos photos;
    const Dataset kept = photos.load(Cache::ram), read = photos.load(Cache::none);
    REQUIRE(kept.pictures->in_memory());
    REQUIRE_FALSE(read.pictures->in_memory());
    REQUIRE(photos.load(Cache::automatic).pictures->in_memory());  // so few fit anywhere
    REQUIRE(kept.labels == std::vector<int64_t>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1});
    REQUIRE(kept.labels == read.labels);
    for (int64_t i = 0; i < 12; ++i) {
        REQUIRE(same_bits(kept.image(i), read.image(i)));
        REQUIRE(kept.pictures->extent(i) == Extent{read.image(i).shape()[0], read.image(i).shape()[1]});
    }
    REQUIRE(kept.extent() == Extent{16, 16});
    REQUIRE(text_of_pictures(kept) == "20 x 25 to 35 x 25 pixels, 0.0 MB decoded once and kept (cache: ram)");
    REQUIRE(text_of_pictures(read) == "20 x 25 to 35 x 25 pixels, 0.0 MB decoded in every epoch (cache: none)");
    const auto fingerprint = [](const Dataset& data) { return fingerprint_of(ImageSamples(data, {}), nullptr); };
    REQUIRE(fingerprint(kept).starts_with("files:"));
    REQUIRE(fingerprint(kept) == fingerprint(read));
    REQUIRE(fingerprints_differ(fingerprint(kept), "files:0123456789abcdef"));
    REQUIRE_FALSE(fingerprints_differ(fingerprint(kept), "0123456789abcdef"));  // of another kind
    REQUIRE_FALSE(fingerprints_differ("", fingerprint(kept)));
    Photos::write_noise(photos.root / "train/dog/3.png", {18, 33, 3}, 99);
    REQUIRE(fingerprint(photos.load(Cache::ram)) != fingerprint(kept));
}

TEST_CASE("what fits into half of the memory that is free is kept, unless it is said otherwise") {
    REQUIRE(free_memory() > 0);
    REQUIRE(keeps(Cache::automatic, 0));
    REQUIRE_FALSE(keeps(Cache::automatic, std::numeric_limits<int64_t>::max()));
    REQUIRE(keeps(Cache::ram, std::numeric_limits<int64_t>::max()));
    REQUIRE_FALSE(keeps(Cache::none, 0));
    REQUIRE(cache_named("auto") == Cache::automatic);
    REQUIRE(error_of([] { cache_named("disk"); }) == "the cache must be auto, ram or none, got \"disk\"");
}

TEST_CASE("a folder whose pictures all have the model's size is one tensor, as it always was") {
    const TemporaryDirectory directory;
    write_class(directory / "train/cat", 2, 10);
    write_class(directory / "train/dog", 2, 90);
    LoadOptions options{.extent = {5, 4}, .any_size = true};
    const Dataset data = load_dataset({"folder", directory.path()}, Split::train, options);
    REQUIRE_FALSE(data.pictures);
    options.any_size = false;
    REQUIRE(same_bits(load_dataset({"folder", directory.path()}, Split::train, options).images, data.images));
    options.any_size = true, options.cache = Cache::none;
    const Dataset read = load_dataset({"folder", directory.path()}, Split::train, options);
    REQUIRE(read.pictures);
    REQUIRE_FALSE(read.has_other_sizes());
    const std::vector<int64_t> all{0, 1, 2, 3};
    const Normalisation normalisation = normalisation_of("folder");
    REQUIRE(same_bits(make_batch(read, all, normalisation, nullptr, {}).inputs,
                      make_batch(data, all, normalisation, nullptr, {}).inputs));
}

TEST_CASE("damaged pictures are an error, or left out before training, kept or not") {
    const Photos photos;
    photos.damage("train/cat/2.png");
    write_file_plainly(photos.root / "train/dog/1.png", "no picture");
    const std::string no_picture =
        "[image] " + (photos.root / "train/dog/1.png").string() + ": expected JPEG or PNG, got neither";
    const std::string cut_off =
        "[image] " + (photos.root / "train/cat/2.png").string() + ": a PNG file that is cut off";
    for (const Cache cache : {Cache::ram, Cache::none}) {
        REQUIRE(error_of([&] { photos.load(cache); }) == no_picture);  // by the headers, which are read first
        std::vector<std::string> left_out;
        const Dataset data = photos.load(cache, [&](const std::string& problem) { left_out.push_back(problem); });
        REQUIRE(left_out == std::vector<std::string>{cut_off, no_picture});
        REQUIRE(data.labels == std::vector<int64_t>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
        REQUIRE(data.pictures->identity(2).starts_with("cat/3.png "));
        REQUIRE(data.pictures->identity(6).starts_with("dog/2.png "));
        for (int64_t i = 0; i < 10; ++i) REQUIRE(data.pictures->extent(i).rows == data.image(i).shape()[0]);
    }
}

TEST_CASE("a picture for which there is no memory is not left out as a damaged one") {
    if (sanitized) return;  // their memory has addresses far beyond any limit
    const TemporaryDirectory directory;
    write_class(directory / "train/cat", 1, 10);
    // A header of 2^28 pixels: 800 MB are asked for before the first of them is missed.
    const std::string png = contents_of(directory / "train/cat/0.PNG");
    const std::string side("\0\0\x40\0", 4), depth_and_colour("\x08\x02\0\0\0", 5);
    write_file_plainly(directory / "train/cat/large.png",
                       png.substr(0, 8) + png_chunk("IHDR" + side + side + depth_and_colour) + png.substr(33));
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit tight = before;
    tight.rlim_cur = pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)) + 300'000'000;
    REQUIRE(setrlimit(RLIMIT_AS, &tight) == 0);
    int left_out = 0;
    const std::string error = error_of([&] {
        load_dataset({"folder", directory.path()}, Split::train,
                     {.extent = {5, 4}, .left_out = [&](const std::string&) { ++left_out; }, .any_size = true});
    });
    setrlimit(RLIMIT_AS, &before);
    INFO(error);
    REQUIRE(contains(error, "[allocator] cpu has no "));
    REQUIRE(left_out == 0);
}

TEST_CASE("a picture that changes or goes while a data set is used is named") {
    const Photos photos;
    const Dataset data = photos.load(Cache::none);
    const fs::path file = photos.root / "train/cat/0.png";
    const auto before = fs::file_size(file);
    Photos::write_noise(file, {9, 9, 3}, 1);
    REQUIRE(error_of([&] { data.image(0); }) == fmt::format("[image] {}: changed meanwhile: {} bytes, before {}",
                                                            file.string(), fs::file_size(file), before));
    fs::remove(file);
    REQUIRE(error_of([&] { data.image(0); }) == "[file] " + file.string() + ": No such file or directory");
}

TEST_CASE("a run on pictures of any size is the same whether they are kept or not, and is resumed either way") {
    const Photos photos;
    const RunFolder kept{photos.directory / "kept"}, read{photos.directory / "read"};
    SwinRecipe recipe = photos.recipe("ram");
    REQUIRE(start_run(recipe, kept.path) == 0);
    recipe.cache = "none", recipe.workers = 2;
    REQUIRE(start_run(recipe, read.path) == 0);
    REQUIRE(contents_of(kept.weights()) == contents_of(read.weights()));
    REQUIRE(read_config(read).recipe.train_crop_mode == "rrc");
    REQUIRE(read_config(read).fingerprint.starts_with("files:"));

    // Where its files are elsewhere, and the cache is another one.
    std::string config = contents_of(read.config());
    const size_t at = config.find("\"cache\": \"none\"");
    REQUIRE(at != std::string::npos);
    write_file_plainly(read.config(), config.replace(at, 15, "\"cache\": \"ram\""));
    fs::remove(read.weights());
    fs::rename(photos.root, photos.directory / "moved");
    REQUIRE(error_of([&] { resume_run(read.path, {.data = "folder:" + (photos.directory / "moved").string()}); }) ==
            "no error");
    REQUIRE(contents_of(kept.weights()) == contents_of(read.weights()));
    Photos::write_noise(photos.directory / "moved/train/dog/3.png", {18, 33, 3}, 99);
    REQUIRE(contains(error_of([&] { resume_run(read.path); }), "as many images, but not the same pixels"));
}

TEST_CASE("the first batch is drawn as the model would see it") {
    const Photos photos;
    SwinRecipe recipe = photos.recipe("none");
    show_batch(recipe, photos.directory / "batch.png");
    const Tensor sheet = read_image(photos.directory / "batch.png");
    REQUIRE(sheet.shape() == Shape{96, 3 * 98 - 2, 3});  // three images of 16 x 16, six times as large
    const Normalisation halves{{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
    Tensor images = Tensor::zeros({10, 200, 100, 3});
    images.data<float>()[0] = 2, images.data<float>()[1] = -9, images.data<float>()[2] = 9;
    const Tensor grid = contact_sheet(images, halves);
    REQUIRE(grid.shape() == Shape{2 * 202 - 2, 8 * 102 - 2, 3});
    REQUIRE(grid.data<uint8_t>()[0] == 255);
    REQUIRE(grid.data<uint8_t>()[1] == 0);
    REQUIRE(grid.data<uint8_t>()[2] == 255);
    REQUIRE(grid.data<uint8_t>()[3] == 128);
    REQUIRE(grid.data<uint8_t>()[100 * 3] == 255);  // the line
    // What a fourth channel says is hidden is grey.
    Tensor hidden = Tensor::zeros({1, 200, 100, 4});
    hidden.data<float>()[3] = 1;
    REQUIRE(contact_sheet(hidden, halves).data<uint8_t>()[0] == 96);
    REQUIRE(contact_sheet(hidden, halves).data<uint8_t>()[3] == 128);
    recipe.batch_size = 100;
    REQUIRE(contains(error_of([&] { show_batch(recipe, photos.directory / "other.png"); }), "a batch of 100 needs"));
    REQUIRE_FALSE(fs::exists(photos.directory / "other.png"));
}
