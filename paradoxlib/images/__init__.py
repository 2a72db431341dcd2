"""What networks see: data sets, distortions, augmentation."""
