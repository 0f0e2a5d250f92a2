#include "train/data/pictures.h"

#include <algorithm>
#include <utility>

namespace swingrad {
namespace {

class Subset final : public Pictures {
  public:
    Subset(SharedPictures all, std::vector<int64_t> indices) : all_(std::move(all)), indices_(std::move(indices)) {}
    int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
    Extent extent(int64_t index) const override { return all_->extent(at(index)); }
    Tensor read(int64_t index) const override { return all_->read(at(index)); }
    std::string identity(int64_t index) const override { return all_->identity(at(index)); }
    bool in_memory() const override { return all_->in_memory(); }

  private:
    int64_t at(int64_t index) const { return indices_.at(static_cast<size_t>(index)); }
    const SharedPictures all_;
    const std::vector<int64_t> indices_;
};

class Kept final : public Pictures {
  public:
    Kept(SharedPictures pictures, std::vector<Tensor> decoded)
        : pictures_(std::move(pictures)), decoded_(std::move(decoded)) {}
    int64_t size() const override { return pictures_->size(); }
    Extent extent(int64_t index) const override { return pictures_->extent(index); }
    Tensor read(int64_t index) const override { return decoded_.at(static_cast<size_t>(index)); }
    std::string identity(int64_t index) const override { return pictures_->identity(index); }
    bool in_memory() const override { return true; }

  private:
    const SharedPictures pictures_;
    const std::vector<Tensor> decoded_;
};

class InMemory final : public Pictures {
  public:
    explicit InMemory(std::vector<Tensor> decoded) : decoded_(std::move(decoded)) {}
    int64_t size() const override { return static_cast<int64_t>(decoded_.size()); }
    Extent extent(int64_t index) const override { return {read(index).shape()[0], read(index).shape()[1]}; }
    Tensor read(int64_t index) const override { return decoded_.at(static_cast<size_t>(index)); }
    std::string identity(int64_t index) const override { return std::to_string(index); }
    bool in_memory() const override { return true; }

  private:
    const std::vector<Tensor> decoded_;
};

int64_t area(Extent extent) { return extent.rows * extent.columns; }

}  // namespace

SharedPictures subset(const SharedPictures& pictures, std::vector<int64_t> indices) {
    return std::make_shared<Subset>(pictures, std::move(indices));
}

SharedPictures kept_in_memory(const SharedPictures& pictures, std::vector<Tensor> decoded) {
    check(static_cast<int64_t>(decoded.size()) == pictures->size(), "[pictures] expected {} pictures, got {}",
          pictures->size(), decoded.size());
    return std::make_shared<Kept>(pictures, std::move(decoded));
}

SharedPictures pictures_in_memory(std::vector<Tensor> decoded) {
    return std::make_shared<InMemory>(std::move(decoded));
}

int64_t bytes_decoded(const Pictures& pictures) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < pictures.size(); ++i) bytes += 3 * area(pictures.extent(i));
    return bytes;
}

std::pair<Extent, Extent> extents_of(const Pictures& pictures) {
    check(pictures.size() > 0, "[pictures] expected at least one picture, got none");
    std::pair<Extent, Extent> found{pictures.extent(0), pictures.extent(0)};
    for (int64_t i = 1; i < pictures.size(); ++i) {
        const Extent one = pictures.extent(i);
        if (area(one) < area(found.first)) found.first = one;
        if (area(one) > area(found.second)) found.second = one;
    }
    return found;
}

}  // namespace swingrad
