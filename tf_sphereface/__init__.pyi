# The public names; `__init__.py` reads them from here.
__version__: str

from .backbones import InceptionFace as InceptionFace
from .backbones import InceptionResNetV1 as InceptionResNetV1
from .backbones import IResNet as IResNet
from .backbones import MobileFaceNet as MobileFaceNet
from .backbones import SphereFaceCNN as SphereFaceCNN
from .backbones import ZFNetFace as ZFNetFace
from .backbones import build_backbone as build_backbone
from .backbones import from_keras_application as from_keras_application
from .bundle.bundle import load_bundle as load_bundle
from .bundle.embedder import Embedder as Embedder
from .bundle.match import match_photos as match_photos
from .data.batches.pipeline import training_batches as training_batches
from .face_classifier import FaceClassifier as FaceClassifier
from .heads import AdaFaceLayer as AdaFaceLayer
from .heads import AMSoftmaxLayer as AMSoftmaxLayer
from .heads import ArcFaceLayer as ArcFaceLayer
from .heads import ASoftmaxLayer as ASoftmaxLayer
from .heads import COCOLayer as COCOLayer
from .heads import CurricularFaceLayer as CurricularFaceLayer
from .heads import InverseDecayAnnealing as InverseDecayAnnealing
from .heads import LSoftmaxLayer as LSoftmaxLayer
from .heads import MagFaceLayer as MagFaceLayer
from .heads import MarginHead as MarginHead
from .heads import NormalizedSoftmaxLayer as NormalizedSoftmaxLayer
from .heads import SoftmaxLayer as SoftmaxLayer
from .heads import SphereFace2Layer as SphereFace2Layer
from .heads import SphereFaceRLayer as SphereFaceRLayer
from .heads import StagedMargin as StagedMargin
from .losses import AngularTripletLoss as AngularTripletLoss
from .losses import CenterLoss as CenterLoss
from .losses import ContrastiveLoss as ContrastiveLoss
from .losses import TripletHardLoss as TripletHardLoss
from .losses import TripletSemiHardLoss as TripletSemiHardLoss
from .preprocessing import PixelContract as PixelContract
from .saved_models import load_model as load_model
